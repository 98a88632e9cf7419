"""A scripted provider on loopback: real HTTP in three providers' formats, with the faults of real ones.

    async with serving([say("hello"), Fault(status=429, retry_after="1"), call("read", path="a.py")]) as server:
        model = open_model(f"openai:any@{server.url}/v1", catalog=Catalog(), env={})

The format follows the path of each request. A request that the real provider would refuse is refused with 400.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from parcae.testing.wires import wants_stream, wire_of

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong instead of, or during, an answer.

    `status`: an HTTP error, with `retry_after` as its header and `message` in its body. `cut_after`: `reply` is sent up
    to so many server-sent events (streamed) or bytes (not), then the connection is dropped; `quietly` ends the answer
    in good order instead, as a proxy does. `silent`: nothing is ever answered; `dropped`: hung up at once.
    """

    status: int | None = None
    retry_after: str | None = None
    message: str = "scripted fault"
    reply: ModelResponse | None = None
    cut_after: int | None = None
    quietly: bool = False
    silent: bool = False
    dropped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came in; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(slots=True)
class Server:
    """A running server: `url` has no trailing slash; `requests` grows, `complaints` says which were refused."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    left: list[ModelResponse | Fault] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0


@asynccontextmanager
async def serving(replies: Iterable[ModelResponse | Fault], *, delay_seconds: float = 0.0) -> AsyncIterator[Server]:
    """Serve `replies` in order, each after `delay_seconds`; an empty script answers 500."""
    server = Server(left=list(replies))
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await _one_request(server, reader, writer, delay_seconds):
                pass
        tasks.discard(task)
        writer.close()
        with suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _one_request(
    server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_seconds: float
) -> bool:
    """Answer one request; False when the connection is over."""
    received = await _received(reader)
    if received is None:
        return False
    server.requests.append(received)
    server.under_way += 1
    server.most_under_way = max(server.most_under_way, server.under_way)
    try:
        if delay_seconds:
            await asyncio.sleep(delay_seconds)
        return await _answer(server, received, writer)
    finally:
        server.under_way -= 1


async def _received(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(path=first.split(" ")[1], headers=headers, body=json.loads(body or b"{}"))


async def _answer(server: Server, received: Received, writer: asyncio.StreamWriter) -> bool:
    wire = wire_of(received.path)
    if wire is None:
        return await _send(writer, 404, {"error": {"message": f"no such path {received.path}"}})
    if complaint := wire.complaint(received.body):
        server.complaints.append(complaint)
        return await _send(writer, 400, wire.refusal(400, complaint))
    if not server.left:
        return await _send(writer, 500, wire.refusal(500, "the script is at its end"))
    line = server.left.pop(0)
    fault = line if isinstance(line, Fault) else Fault(reply=line)
    if fault.silent:
        await asyncio.Event().wait()
    if fault.dropped:
        return False
    if fault.status is not None:
        extra = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
        return await _send(writer, fault.status, wire.refusal(fault.status, fault.message), extra)
    assert fault.reply is not None, "a fault without a status needs a reply"
    reply = _with_ids(fault.reply, len(server.requests))
    if wants_stream(received.path, received.body):
        return await _stream(writer, list(wire.events(reply)), fault)
    return await _send(writer, 200, wire.whole(reply), cut_after=fault.cut_after)


async def _send(
    writer: asyncio.StreamWriter,
    status: int,
    document: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    *,
    cut_after: int | None = None,
) -> bool:
    body = json.dumps(document).encode()
    lines = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    writer.write(_head(status, lines) + body[:cut_after])
    await writer.drain()
    return cut_after is None


async def _stream(writer: asyncio.StreamWriter, events: list[str], fault: Fault) -> bool:
    writer.write(_head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}))
    for event in events[: fault.cut_after]:
        data = event.encode()
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await writer.drain()
    if fault.cut_after is not None and not fault.quietly:
        return False
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode("latin-1")


def _with_ids(reply: ModelResponse, number: int) -> ModelResponse:
    """Calls of `parcae.models.scripted.call` have no id yet."""
    parts = [
        replace(part, tool_call_id=f"call_{number}_{place}")
        if part.part_kind == "tool-call" and not part.tool_call_id
        else part
        for place, part in enumerate(reply.parts)
    ]
    return replace(reply, parts=parts)
