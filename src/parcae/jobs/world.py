"""What a job needs from outside, handed in by whoever starts it. Knows nothing of terminals, files or environments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from parcae.core.protocols import Clock, Journal, Model
from parcae.core.scope import LiveEvent, unseen
from parcae.core.trajectory import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Journal, clock, models by name, a sink for eyes, and `stop`: set it and the job winds up and answers."""

    journal: Journal
    clock: Clock
    open_model: Callable[[str], Model]
    show: Callable[[LiveEvent], None] = unseen
    stop: asyncio.Event = field(default_factory=asyncio.Event)


async def until(stop: asyncio.Event, steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
    """The steps, until there are no more or `stop` is set; the iterator is closed either way (contract 12)."""
    stopped = asyncio.ensure_future(stop.wait())
    following: asyncio.Future[Step | None] | None = None
    try:
        while not stop.is_set():
            following = asyncio.ensure_future(anext(steps, None))
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            step = following.result()
            if step is None:
                return
            yield step
    finally:
        stopped.cancel()
        if following is not None and not following.done():  # an iterator in mid-step cannot be closed
            following.cancel()
            await asyncio.wait({following})
        close = getattr(steps, "aclose", None)
        if close is not None:
            await close()
