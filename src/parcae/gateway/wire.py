"""HTTP/1.1 to upstreams over pooled connections, as little as a gateway needs: one POST, one answer, whole or streamed.

Written since a general client costs more a request than all the rest of the gateway (`bench/gateway.py`).
Parsing is httptools', as on the server's side. Knows nothing of runs, money or dialects.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

from parcae.core.errors import OutcomeUnknown, ProviderFailed
from parcae.gateway.upstream import Answer, Upstream

_IDLE_SECONDS = 60.0
_PAUSE_BYTES = 1 << 20  # a client that reads slowly holds its upstream up from here on


class _Origin(NamedTuple):
    host: str
    port: int
    tls: bool


class WireClient:
    """A pool of connections for each server."""

    def __init__(self) -> None:
        self._idle: dict[_Origin, deque[_Connection]] = {}
        self._open: set[_Connection] = set()
        self._tls: ssl.SSLContext | None = None

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, upstream: Upstream
    ) -> Answer:
        """The response as soon as its head is here."""
        origin, path = _split(url)
        connection = self._pooled(origin) or await self._connected(origin, upstream)
        lines = [f"{method} {path} HTTP/1.1\r\nhost: {_host(origin)}\r\ncontent-length: {len(body)}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
        lines.append("\r\n")
        return await connection.ask("".join(lines).encode("latin-1") + body, upstream)

    async def close(self) -> None:
        """Close every connection."""
        for connection in list(self._open):
            connection.drop()
        await asyncio.sleep(0)

    def give_back(self, origin: _Origin, connection: _Connection) -> None:
        """A connection may be used again."""
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.setdefault(origin, deque()).append(connection)

    def gone(self, connection: _Connection) -> None:
        """A connection was closed."""
        self._open.discard(connection)

    def _pooled(self, origin: _Origin) -> _Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()  # the one used last, so that those too many grow old
            if connection.is_open and asyncio.get_running_loop().time() - connection.idle_since < _IDLE_SECONDS:
                while idle and not idle[0].is_open:
                    idle.popleft()
                return connection
            connection.drop()
        return None

    async def _connected(self, origin: _Origin, upstream: Upstream) -> _Connection:
        loop = asyncio.get_running_loop()
        context = None
        if origin.tls:
            context = self._tls = self._tls or ssl.create_default_context()
        try:
            async with asyncio.timeout(upstream.connect_seconds):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self, origin), origin.host, origin.port, ssl=context
                )
        except (OSError, TimeoutError) as error:
            raise ProviderFailed(
                f"{upstream.name} cannot be reached: {str(error) or 'no answer in time'}",
                "check its base_url",
                may_retry=True,
            ) from None
        self._open.add(connection)
        return connection


class _Connection(asyncio.Protocol):
    """One connection; at most one exchange on it at a time."""

    def __init__(self, client: WireClient, origin: _Origin) -> None:
        self._client, self._origin = client, origin
        self._loop = asyncio.get_running_loop()
        self._answer: _WireAnswer | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.is_open = True
        self.idle_since = 0.0

    # ---- asked by the client

    async def ask(self, request: bytes, upstream: Upstream) -> Answer:
        """Send a request; its answer once the head is here. Raises OutcomeUnknown."""
        answer = self._answer = _WireAnswer(self, upstream)
        self.transport.write(request)
        try:
            await answer.head()
        except BaseException:
            self.drop()
            raise
        return answer

    def release(self) -> None:
        """The exchange is over: the connection is used again if all of the answer came and the server lets us."""
        answer, self._answer = self._answer, None
        if self.is_open and answer is not None and answer.complete and answer.keeps_alive:
            self.transport.resume_reading()
            self._parser = httptools.HttpResponseParser(self)
            self._client.give_back(self._origin, self)
        else:
            self.drop()

    def drop(self) -> None:
        """Close the connection at once."""
        self._answer = None
        if self.is_open:
            self.is_open = False
            self.transport.abort()

    # ---- told by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # bytes that nobody asked for
            self.drop()
            return
        self._answer.heard_at = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            answer = self._answer
            self.drop()
            if answer is not None:
                answer.cut("its answer is not HTTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._client.gone(self)
        if self._answer is not None:
            self._answer.lost()

    # ---- told by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is not None:
            self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._answer is not None:
            self._answer.began(self._parser.get_status_code(), keeps_alive=self._parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        if self._answer is not None:
            self._answer.take(body)

    def on_message_complete(self) -> None:
        if self._answer is not None:
            self._answer.done()


class _WireAnswer:
    """An answer on its way. It ends when its length is reached, or, without one, with the connection."""

    def __init__(self, connection: _Connection, upstream: Upstream) -> None:
        self._connection, self._upstream = connection, upstream
        self._parts: deque[bytes] = deque()
        self._held_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._trouble: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.heard_at = connection._loop.time()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.complete = self.keeps_alive = self._paused = self._headed = False

    # ---- read by the gateway

    async def head(self) -> None:
        """Wait for status and header fields."""
        self._watch()
        while not self._headed:
            await self._more()

    async def read(self) -> bytes:
        """The whole body."""
        while not self.complete:
            await self._more()
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        while True:
            if self._parts:
                chunk = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts.clear()
                self._held_bytes = 0
                if self._paused and self._connection.is_open:
                    self._paused = False
                    self._connection.transport.resume_reading()
                yield chunk
            elif self.complete:
                return
            else:
                await self._more()

    def close(self) -> None:
        """Give the connection back, or drop it where the body was not read to its end."""
        if self._timer is not None:
            self._timer.cancel()
        self._connection.release()

    async def _more(self) -> None:
        if self._trouble is not None:
            raise OutcomeUnknown(f"{self._upstream.name} broke off: {self._trouble}", may_retry=True)
        self._waiter = self._connection._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _watch(self) -> None:
        """Look after the silence that the upstream is allowed; look again if it spoke meanwhile."""
        loop = self._connection._loop
        left = self.heard_at + self._upstream.timeout_seconds - loop.time()
        if left <= 0 and not self._paused:
            self.cut(f"it was silent for {self._upstream.timeout_seconds:g} seconds")
            self._connection.drop()
            return
        self._timer = loop.call_later(max(left, 1.0), self._watch)

    # ---- told by the connection

    def began(self, status: int, *, keeps_alive: bool) -> None:
        if status < 200:  # an interim answer: the real one follows
            self.headers.clear()
            return
        self.status, self.keeps_alive, self._headed = status, keeps_alive, True
        if self.headers.get("content-encoding", "identity") != "identity":
            self.cut("its answer is compressed, though it was asked not to")
        self._wake()

    def take(self, body: bytes) -> None:
        self._parts.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > _PAUSE_BYTES and not self._paused and self._connection.is_open and self._streams:
            self._paused = True
            self._connection.transport.pause_reading()
        self._wake()

    @property
    def _streams(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    def done(self) -> None:
        if self._headed:
            self.complete = True
            self._wake()

    def lost(self) -> None:
        endless = "content-length" not in self.headers and "transfer-encoding" not in self.headers
        if self._headed and not self.complete and endless:
            self.keeps_alive, self.complete = False, True
        elif not self.complete:
            self.cut("the connection was closed")
        self._wake()

    def cut(self, trouble: str) -> None:
        self._trouble = self._trouble or trouble
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@lru_cache(maxsize=256)
def _split(url: str) -> tuple[_Origin, str]:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    path = parts.path or "/"
    return _Origin(parts.hostname or "", parts.port or (443 if tls else 80), tls), (
        f"{path}?{parts.query}" if parts.query else path
    )


def _host(origin: _Origin) -> str:
    name = f"[{origin.host}]" if ":" in origin.host else origin.host
    return name if origin.port == (443 if origin.tls else 80) else f"{name}:{origin.port}"
