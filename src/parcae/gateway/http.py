"""One HTTP request and its response over bare ASGI. Knows nothing of what is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any

from parcae.gateway.refusal import Refusal

ASGIMessage = MutableMapping[str, Any]  # the ASGI specification's own type
Receive = Callable[[], Awaitable[ASGIMessage]]
Send = Callable[[ASGIMessage], Awaitable[None]]
Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")


class Gone(Exception):  # a signal: nobody listens any more
    """The client hung up."""


class Http:
    """A request to read and a response to write."""

    __slots__ = ("_headers", "_receive", "_send", "scope", "started")

    def __init__(self, scope: ASGIMessage, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self.started = False

    def header(self, name: bytes) -> str:
        """The field `name` (lower case), or nothing."""
        return self._headers.get(name, b"").decode("latin-1")

    async def body(self, most: int) -> bytes:
        """The whole body. Raises Refusal (413) and Gone."""
        length = self._headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > most:
            raise _too_large(most)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                raise _too_large(most)
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def until_gone(self) -> None:
        """Return when the client has hung up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

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


async def while_listening(http: Http, work: Awaitable[None]) -> None:
    """Do `work`, but cancel it when the client hangs up. Raises Gone."""
    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(http.until_gone())
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            raise Gone
        task.result()
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    finally:
        watcher.cancel()


def _too_large(most: int) -> Refusal:
    return Refusal(413, "too_large", "body_too_large", f"the body is larger than {most} bytes; send less")
