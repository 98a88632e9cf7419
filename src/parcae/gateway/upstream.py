"""The servers behind the gateway: a pool of connections each, a bound on calls in flight, a queue before it.

`Client` is the seam to HTTP. Knows nothing of runs, money or dialects.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from parcae.gateway.dialect import Family
from parcae.gateway.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One server. `key` is sent with every call and shown to nobody; `local` marks the user's own machines.

    `responses`: it serves OpenAI's `/v1/responses`; else such requests are mapped to chat completions.
    """

    name: str
    family: Family
    base_url: str
    key: str | None = field(default=None, repr=False)
    local: bool = False
    max_in_flight: int = 256
    queue: int = 1024
    timeout_seconds: float = 600.0
    connect_seconds: float = 10.0
    retries: int = 1
    responses: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Answer(Protocol):
    """An upstream's response whose body may still be on its way. Close it, whatever happens."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields, names in lower case."""
        ...

    async def read(self) -> bytes:
        """The whole body. Raises OutcomeUnknown."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises OutcomeUnknown."""
        ...

    def close(self) -> None:
        """Give the connection back, or drop it where the body was not read to its end."""
        ...


class Client(Protocol):
    """Sends bytes and gets bytes."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, upstream: Upstream
    ) -> Answer:
        """The response as soon as its head is here.

        Raises:
            ProviderFailed: no connection was made, so nothing was billed.
            OutcomeUnknown: the request may have arrived.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Gate:
    """Lets `most` calls in at a time and makes the next ones wait in order; refuses when too many wait."""

    def __init__(self, name: str, most: int, queue: int) -> None:
        self._name, self._most, self._queue = name, most, queue
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0
        self.down_until = 0.0  # seconds of the gateway's clock: it failed a moment ago

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Wait for a place. Raises Refusal (429) where the queue is full."""
        if self.in_flight < self._most and not self._waiting:
            self.in_flight += 1
            return
        if len(self._waiting) >= self._queue:
            raise Refusal(
                429,
                "busy",
                "queue_full",
                f"{len(self._waiting)} requests already wait for {self._name}; try again later",
                may_retry=True,
                retry_after_seconds=1.0,
            )
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            else:
                with suppress(ValueError):
                    self._waiting.remove(place)
            raise

    def leave(self) -> None:
        """Give the place to the next one."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.in_flight -= 1
