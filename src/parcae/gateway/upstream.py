"""The servers behind the gateway: a pool of connections each, a bound on calls in flight, a queue before it.

`Client` is the seam to HTTP; `AiohttpClient` implements it. Knows nothing of runs, money or dialects.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import aiohttp

from parcae.core.errors import OutcomeUnknown, ProviderFailed
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


class AiohttpClient:
    """One session of aiohttp for all upstreams: slower than `wire.WireClient`, but it goes through proxies."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, upstream: Upstream
    ) -> Answer:
        """The response as soon as its head is here."""
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=upstream.connect_seconds, sock_read=upstream.timeout_seconds
        )
        try:
            response = await self._open().request(method, url, data=body, headers=headers, timeout=timeout)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ProviderFailed(
                f"{upstream.name} cannot be reached: {error}", "check its base_url", may_retry=True
            ) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"{upstream.name} broke off: {type(error).__name__}", may_retry=True) from None
        return _AiohttpAnswer(response, upstream.name)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
            self._session = aiohttp.ClientSession(
                connector=connector, auto_decompress=True, trust_env=True, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


class _AiohttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse, name: str) -> None:
        self._response, self._name = response, name
        self.status = response.status
        self.headers = {key.lower(): value for key, value in response.headers.items()}

    async def read(self) -> bytes:
        try:
            return await self._response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"{self._name} broke off: {type(error).__name__}", may_retry=True) from None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"{self._name} broke off: {type(error).__name__}", may_retry=True) from None

    def close(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


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
