"""One HTTP request and its response over bare ASGI. Knows nothing of what is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, MutableMapping
from typing import Any

from parcae.gateway.refusal import Refusal

ASGIMessage = MutableMapping[str, Any]  # the ASGI specification's own type
Receive = Callable[[], Awaitable[ASGIMessage]]
Send = Callable[[ASGIMessage], Awaitable[None]]
Header = tuple[bytes, bytes]
_LISTEN_SECONDS = 0.05
JSON: Header = (b"content-type", b"application/json")


class Gone(Exception):  # a signal: nobody listens any more
    """The client hung up."""


class Http:
    """A request to read and a response to write."""

    __slots__ = ("_headers", "_receive", "_send", "about", "path", "started")

    def __init__(self, scope: ASGIMessage, receive: Receive, send: Send) -> None:
        self.path: str = scope["path"]
        self._receive, self._send = receive, send
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self.started = False
        self.about: Mapping[str, object] = {}  # for the request log: whose it was, and what became of it

    def header(self, name: bytes) -> str:
        """The field `name` (lower case), or nothing."""
        value = self._headers.get(name)
        return value.decode("latin-1") if value else ""

    async def body(self, most: int) -> bytes:
        """The whole body. Raises Refusal (413) and Gone."""
        length = self._headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > most:
            raise too_large(most)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                raise too_large(most)
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def until_gone(self) -> None:
        """Return when the client has hung up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def while_listening(self, work: Coroutine[object, object, None]) -> None:
        """Do `work`, but cancel it when the client hangs up. Raises Gone.

        Whether the client is there is looked at from `_LISTEN_SECONDS` on: what is answered sooner need not pay for it.
        """
        task, loop, gone = asyncio.current_task(), asyncio.get_running_loop(), False
        assert task is not None
        watcher: asyncio.Task[None] | None = None

        def hung_up(done: asyncio.Task[None]) -> None:
            nonlocal gone
            if not done.cancelled():
                gone = True
                task.cancel()

        def listen() -> None:
            nonlocal watcher
            watcher = loop.create_task(self.until_gone())
            watcher.add_done_callback(hung_up)

        timer = loop.call_later(_LISTEN_SECONDS, listen)
        try:
            await work
        except asyncio.CancelledError:
            if gone and task.uncancel() == 0:
                raise Gone from None
            raise
        finally:
            timer.cancel()
            if watcher is not None:
                watcher.remove_done_callback(hung_up)
                watcher.cancel()

    async def respond(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """The whole response."""
        self.started = True
        fields = [*headers, (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": fields})
        await self._send({"type": "http.response.body", "body": body})

    async def start(self, status: int, headers: Iterable[Header]) -> None:
        """Begin a response that comes in pieces."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def write(self, chunk: bytes) -> None:
        """One piece."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        """No more pieces."""
        await self._send({"type": "http.response.body", "body": b""})


def too_large(most: int) -> Refusal:
    """413: more than `most` bytes."""
    return Refusal(413, "too_large", "body_too_large", f"the body is larger than {most} bytes; send less")
