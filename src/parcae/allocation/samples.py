"""The durable cache of samples: each is drawn once, journalled with its settlement, and replayed ever after.

A key names stage, settings, model, item, the digest of the upstream outputs, and the sample's number. Costs are worked
out from tokens when they are asked for, so prices may change without a call. Knows nothing of how samples are made.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from parcae.core.errors import LimitReached
from parcae.core.protocols import Event, Journal
from parcae.core.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """One sample was drawn. `calls`: the tokens of each model call behind it, retries that were billed included."""

    kind: ClassVar[str] = "allocation.sampled/1"
    scope: str
    key: str
    stage: str
    model: str
    output: str
    calls: tuple[Usage, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What drawing gave: the sample, and the events to append with it."""

    output: str
    calls: tuple[Usage, ...]
    seconds: float = 0.0
    events: tuple[Event, ...] = ()


@dataclass(kw_only=True)
class Samples:
    """Samples by key. `drawn` counts those that the run drew, in this process or before; it may draw `most`."""

    journal: Journal
    run: str
    most: float = math.inf
    known: dict[str, Sampled] = field(default_factory=dict)
    flying: dict[str, asyncio.Future[Sampled]] = field(default_factory=dict)
    drawn: int = 0

    async def load(self) -> None:
        """Take in what this run, and every other run of the journal, has drawn."""
        for scope in ("", self.run):
            for entry in await self.journal.read(scope, [Sampled]):
                self.known.setdefault(entry.event.key, entry.event)
        self.drawn = sum(sample.scope == self.run for sample in self.known.values())

    async def get(self, key: str, stage: str, model: str, draw: Callable[[], Awaitable[Drawn]]) -> Sampled:
        """The sample `key`: from the cache, else drawn once, however many ask.

        Raises:
            LimitReached: it would be one more than `most`.
        """
        if key in self.known:
            return self.known[key]
        if key in self.flying:
            return await asyncio.shield(self.flying[key])
        if self.drawn + len(self.flying) >= self.most:
            raise LimitReached(f"the search has drawn the {self.most:g} samples that it may", "raise --max-calls")
        future: asyncio.Future[Sampled] = asyncio.get_running_loop().create_future()
        self.flying[key] = future
        try:
            drawn = await draw()
            sampled = Sampled(
                scope=self.run,
                key=key,
                stage=stage,
                model=model,
                output=drawn.output,
                calls=drawn.calls,
                seconds=drawn.seconds,
            )
            await asyncio.shield(self.journal.append([*drawn.events, sampled]))
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # whoever else waits sees it; nobody else need
            raise
        finally:
            del self.flying[key]
        self.known[key] = sampled
        self.drawn += 1
        future.set_result(sampled)
        return sampled


def key_of(stage: str, settings: str, model: str, item: str, upstream: Sequence[str], number: int | str) -> str:
    """The cache key of a sample; equal input gives equal keys on every machine."""
    text = "\x1f".join([stage, settings, model, item, *upstream, str(number)])
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
