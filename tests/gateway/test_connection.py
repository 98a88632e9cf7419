"""The server's side of a connection, told in bytes: whatever goes straight is answered as if it went by ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.gateway.serving import Client, serving
from tests.gateway.upstream import Document, Fault, Scripted, chat, upstream
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from parcae.gateway.connection import Connection

pytestmark = pytest.mark.loopback
BODY = json.dumps({"model": "up:m", "messages": [{"role": "user", "content": "hello"}]}).encode()
PATH = b"/v1/chat/completions"


def request(body: bytes = BODY, *fields: bytes, path: bytes = PATH, version: bytes = b"1.1") -> bytes:
    head = b"POST %b HTTP/%b\r\nhost: x\r\ncontent-length: %d\r\n" % (path, version, len(body))
    return head + b"".join(b"%b\r\n" % field for field in fields) + b"\r\n" + body


@asynccontextmanager
async def connected(
    *, protocol: type[asyncio.Protocol] = Connection, **more: object
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, Scripted, Client]]:
    def reply(path: str, document: Document) -> object:
        return chat("well", usage=(10, 2))

    async with upstream(reply) as up:
        document = {"upstreams": {"up": {"base_url": up.url}}, **more}
        async with serving(document, protocol=protocol) as served:
            port = int(served.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                yield reader, writer, up, served
            finally:
                writer.close()


async def answered(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One response of a known length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), fields, await reader.readexactly(int(fields["content-length"]))


@pytest.mark.parametrize("protocol", [Connection, HttpToolsProtocol], ids=["straight", "asgi"])
async def test_the_bytes_on_the_wire_are_those_of_uvicorn(protocol: type[asyncio.Protocol]) -> None:
    async with connected(protocol=protocol) as (reader, writer, _, _):
        writer.write(request())
        status, fields, body = await answered(reader)
    assert (status, fields["content-type"], fields["x-parcae-step"]) == (200, "application/json", "0")
    assert json.loads(body)["choices"][0]["message"]["content"] == "well"
    assert "transfer-encoding" not in fields and "connection" not in fields


async def test_requests_that_do_not_wait_for_their_answers_get_them_in_order() -> None:
    async with connected() as (reader, writer, up, _):
        writer.write(request() + request(b"{}") + request())
        assert [(await answered(reader))[0] for _ in range(3)] == [200, 400, 200]
    assert len(up.seen) == 2


async def test_a_body_in_pieces_is_one() -> None:
    async with connected() as (reader, writer, _, _):
        whole = request()
        for cut in (whole[:10], whole[10:-20], whole[-20:]):
            writer.write(cut)
            await writer.drain()
            await asyncio.sleep(0.01)
        assert (await answered(reader))[0] == 200


@pytest.mark.parametrize("field", [b"connection: close", b""])
async def test_the_connection_ends_if_the_client_wants_it(field: bytes) -> None:
    async with connected() as (reader, writer, _, _):
        writer.write(request(BODY, field) if field else request(version=b"1.0"))
        status, fields, _ = await answered(reader)
        assert (status, fields["connection"], await reader.read()) == (200, "close", b"")


async def test_chunked_bodies_and_asked_for_permission_go_the_other_way() -> None:
    async with connected() as (reader, writer, _, _):
        head = b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" % PATH
        writer.write(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
        assert (await answered(reader))[0] == 200
        writer.write(request(b"", b"expect: 100-continue").replace(b"length: 0", b"length: %d" % len(BODY)))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(BODY)
        assert (await answered(reader))[0] == 200


async def test_too_large_a_body_is_refused_before_it_is_read() -> None:
    async with connected(limits={"body_bytes": 100}) as (reader, writer, up, _):
        writer.write(request(b"x" * 101)[:-50])
        assert (await answered(reader))[0] == 413
    assert not up.seen


async def test_other_paths_and_methods_are_served_on_the_same_connection() -> None:
    async with connected() as (reader, writer, _, _):
        writer.write(request())
        assert (await answered(reader))[0] == 200
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await answered(reader))[0] == 200
        writer.write(request(path=PATH + b"?a=b"))
        assert (await answered(reader))[0] == 200
        writer.write(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % PATH)
        assert (await answered(reader))[0] in (404, 405)


async def test_a_status_without_a_name_goes_through() -> None:
    async with connected() as (reader, writer, up, _):
        up.faults = [Fault(status=529), Fault(status=529)]
        writer.write(request())
        assert (await answered(reader))[0] == 529


async def test_who_hangs_up_is_no_longer_worked_for() -> None:
    async with connected() as (_, writer, up, served):
        up.faults = [Fault(hang=True)]
        writer.write(request())
        while not up.in_flight:  # noqa: ASYNC110  # the upstream has no event for it
            await asyncio.sleep(0.001)
        writer.close()
        while up.in_flight:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.001)
        assert up.cancelled == 1 and served.gateway.metrics.disconnects == 1
