"""How many calls of one model may be under way, and how many may begin in a minute. Knows nothing of money."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from parcae.core.protocols import Clock

WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a provider allows for one model. None: no limit of ours. `tokens_per_minute` counts worst cases."""

    concurrency: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@runtime_checkable
class Gated(Protocol):
    """A Model that wants its calls let through by a Gate."""

    @property
    def gate(self) -> Gate | None:
        """The gate of this model, shared by all its calls; None: no limits."""
        ...


class Gate:
    """Lets calls through in the order in which they came, as `rates` allow."""

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self._slots = asyncio.Semaphore(rates.concurrency) if rates.concurrency else None
        self._begun: deque[tuple[float, int]] = deque()
        self._tokens = 0
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def passing(self, tokens: int, clock: Clock) -> AsyncIterator[None]:
        """Wait for a slot and for room in the last minute, then hold the slot."""
        if self._slots is None:
            await self._wait_for_room(tokens, clock)
            yield
            return
        async with self._slots:
            await self._wait_for_room(tokens, clock)
            yield

    async def _wait_for_room(self, tokens: int, clock: Clock) -> None:
        if self.rates.requests_per_minute is None and self.rates.tokens_per_minute is None:
            return
        async with self._turn:
            while (seconds := self._seconds_until_room(tokens, clock.now())) > 0:
                await clock.sleep(seconds)
            self._begun.append((clock.now(), tokens))
            self._tokens += tokens

    def _seconds_until_room(self, tokens: int, now: float) -> float:
        """0 if a call of `tokens` may begin. One that alone is over the limit goes when the minute is empty."""
        while self._begun and self._begun[0][0] <= now - WINDOW_SECONDS:
            self._tokens -= self._begun.popleft()[1]
        if not self._begun:
            return 0.0
        requests, most = self.rates.requests_per_minute, self.rates.tokens_per_minute
        full = (requests is not None and len(self._begun) >= requests) or (
            most is not None and self._tokens + tokens > most
        )
        return max(self._begun[0][0] + WINDOW_SECONDS - now, 1e-3) if full else 0.0
