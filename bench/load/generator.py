"""Load over raw connections: as fast as it is answered, or at a rate; whole answers or streams. Times in seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httptools

Requests = Callable[[], Iterator[bytes]]


@dataclass
class Result:
    """How long each answered request took (in order), and how many failed."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failed: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def at(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.waiter: asyncio.Future[int] | None = None
        self.tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.tail = (self.tail + body)[-64:]

    def on_message_complete(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(self.parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(0)

    async def ask(self, request: bytes) -> int:
        self.waiter = asyncio.get_running_loop().create_future()
        self.tail = b""
        self.transport.write(request)
        return await self.waiter


def post(path: str, body: bytes, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return (head + headers + "\r\n").encode() + body


async def connect(port: int) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", port)
    return connection


async def flood(port: int, requests: Requests, *, connections: int, seconds: float) -> Result:
    """As many as are answered; each connection has one source, so that a run's next step follows its last answer."""
    result, until = Result(), time.perf_counter() + seconds

    async def one() -> None:
        connection, source = await connect(port), requests()
        while time.perf_counter() < until:
            began = time.perf_counter()
            _note(result, await connection.ask(next(source)), began)
        connection.transport.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    result.seconds = time.perf_counter() - began
    return result


async def paced(port: int, requests: Requests, *, rate: float, seconds: float) -> Result:
    """At a steady rate, whatever the answers take; a request that finds no free connection opens one."""
    result, free = Result(), [(await connect(port), requests()) for _ in range(16)]
    running: set[asyncio.Task[None]] = set()

    async def one() -> None:
        connection, source = free.pop() if free else (await connect(port), requests())
        began = time.perf_counter()
        _note(result, await connection.ask(next(source)), began)
        free.append((connection, source))

    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(began + number / rate - time.perf_counter(), 0))
        task = asyncio.create_task(one())
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    result.seconds = time.perf_counter() - began
    return result


async def streams(port: int, requests: Iterator[bytes], *, count: int) -> Result:
    """So many streams at once; a stream that does not end as it should has failed."""
    result = Result()
    opened = [await connect(port) for _ in range(count)]

    async def one(connection: _Connection) -> None:
        began = time.perf_counter()
        status = await connection.ask(next(requests))
        _note(result, status if b"[DONE]" in connection.tail else 0, began)

    began = time.perf_counter()
    await asyncio.gather(*(one(connection) for connection in opened))
    result.seconds = time.perf_counter() - began
    for connection in opened:
        connection.transport.close()
    return result


def _note(result: Result, status: int, began: float) -> None:
    result.statuses[status] = result.statuses.get(status, 0) + 1
    if status == 200:
        result.latencies.append(time.perf_counter() - began)
    else:
        result.failed += 1
