"""The server's side of a connection: uvicorn's, which hands chat requests to the application without ASGI in between.

ASGI's messages, events and queues cost a third of a small request. Whatever is not a plain POST of a known length to a
chat endpoint (pipelined, in pieces, HTTP/1.0, Expect) goes uvicorn's way. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from parcae.gateway.http import Gone, Header, Http, too_large
from parcae.gateway.serve import Application

_log = logging.getLogger("parcae.gateway")
_NOBODY = asyncio.Event()  # what uvicorn sets for readers of its queue: here there are none
_STATUS = {number: f"HTTP/1.1 {number} \r\n".encode() for number in range(100, 1000)}
_STATUS |= {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


class Connection(HttpToolsProtocol):
    """One connection of a client; `uvicorn.Config(..., http=Connection)`."""

    _straight: Straight | None = None  # the last one: perhaps it still waits for its answer
    _reading: Straight | None = None  # the one whose body is on its way
    _application: Application | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """A client is here."""
        super().connection_made(transport)
        if isinstance(self.app, Application):
            self._application = self.app

    def connection_lost(self, exc: Exception | None) -> None:
        """It left: what it waits for is given up."""
        if self._straight is not None:
            self._straight.hung_up()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins. Its ASGI scope is made later, and only if one is needed."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Its head is here."""
        self._reading = way = self._way()
        if way is not None:
            self._straight = way
            self.cycle = way  # type: ignore[assignment]  # as much of a cycle as uvicorn asks for
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)  # the list that the scope holds
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of it."""
        if self._reading is not None:
            self._reading.parts.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is here."""
        if self._reading is None or self._application is None:
            super().on_message_complete()
            return
        task = self.loop.create_task(self._application.answer(self._reading))
        self.tasks.add(task)
        task.add_done_callback(partial(self._answered, self._reading))

    def _way(self) -> Straight | None:
        """The request to answer straight away; None for uvicorn's way."""
        if self._application is None or (self.cycle is not None and not self.cycle.response_complete):
            return None
        parser = self.parser
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or parser.should_upgrade():
            return None
        path = self._application.straight.get(self.url)
        fields = dict(self.headers)
        length = fields.get(b"content-length", b"")
        if path is None or not length.isdigit() or b"transfer-encoding" in fields or self.expect_100_continue:
            return None
        if int(length) > self._application.most_bytes:
            return None
        return Straight(self, path, fields, keep_alive=parser.should_keep_alive())

    def _answered(self, straight: Straight, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a request failed", exc_info=task.exception())
        if not straight.response_complete:  # an answer that broke off: the client must see it
            straight.response_complete = True
            self.transport.close()


class Straight(Http):
    """A request whose body is here, and its response, written to the socket."""

    __slots__ = ("_connection", "_task", "_was_cancelled", "disconnected", "keep_alive", "parts", "response_complete")
    message_event = _NOBODY

    def __init__(self, connection: Connection, path: str, fields: dict[bytes, bytes], *, keep_alive: bool) -> None:
        self.path, self._headers = path, fields
        self.started, self.about = False, {}
        self._connection, self.keep_alive = connection, keep_alive
        self.parts: list[bytes] = []
        self.disconnected = self.response_complete = self._was_cancelled = False
        self._task: asyncio.Task[Any] | None = None

    async def body(self, most: int) -> bytes:
        """The whole body. Raises Refusal (413)."""
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts = []
        if len(body) > most:
            raise too_large(most)
        return body

    async def respond(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """The whole response."""
        self.started = True
        if await self._may_write():
            head = self._head(status, [*headers, (b"content-length", b"%d" % len(body))])
            self._connection.transport.write(head + body)
            self._complete()

    async def start(self, status: int, headers: Iterable[Header]) -> None:
        """Begin a response that comes in pieces."""
        self.started = True
        if await self._may_write():
            self._connection.transport.write(self._head(status, [*headers, (b"transfer-encoding", b"chunked")]))

    async def write(self, chunk: bytes) -> None:
        """One piece."""
        if chunk and await self._may_write():
            self._connection.transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    async def end(self) -> None:
        """No more pieces."""
        if await self._may_write():
            self._connection.transport.write(b"0\r\n\r\n")
            self._complete()

    async def while_listening(self, work: Coroutine[object, object, None]) -> None:
        """Do `work`, but cancel it when the client hangs up. Raises Gone."""
        if self.disconnected:
            work.close()
            raise Gone
        self._task = asyncio.current_task()
        try:
            await work
        except asyncio.CancelledError:
            if self._was_cancelled and self._task is not None and self._task.uncancel() == 0:
                raise Gone from None
            raise
        finally:
            self._task = None

    def hung_up(self) -> None:
        """Nobody listens any more."""
        self.disconnected = True
        if self._task is not None and not self.response_complete:
            self._was_cancelled = True
            self._task.cancel()

    async def _may_write(self) -> bool:
        """Wait until the client has read; False where it left."""
        if self._connection.flow.write_paused and not self.disconnected:
            await self._connection.flow.drain()
        return not self.disconnected

    def _head(self, status: int, headers: list[Header]) -> bytes:
        if not self.keep_alive:
            headers.append((b"connection", b"close"))
        head = _STATUS[status] + b"".join([b"%b: %b\r\n" % field for field in headers]) + b"\r\n"
        lines = len(headers) + 2
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            raise ValueError("a header field holds what no header field may hold")
        return head

    def _complete(self) -> None:
        self.response_complete = True
        if not self.keep_alive:
            self._connection.transport.close()
        self._connection.on_response_complete()
