"""The client of upstreams against real sockets that answer in every way that HTTP/1.1 allows, and in some others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from parcae.core.errors import OutcomeUnknown, ProviderFailed
from parcae.gateway.proxied import AiohttpClient
from parcae.gateway.upstream import Client, Upstream
from parcae.gateway.wire import WireClient

pytestmark = pytest.mark.loopback
HEAD = b"HTTP/1.1 200 OK\r\n"
PLAIN = HEAD + b"content-length: 5\r\n\r\nhello"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
UNTIL_CLOSED = HEAD + b"connection: close\r\n\r\nhello"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN


class Server:
    def __init__(self, *answers: bytes, closes: bool = False) -> None:
        self.answers, self.closes = list(answers), closes
        self.connections, self.requests, self.url = 0, list[bytes](), ""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                )
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0)
                if not answer:
                    await asyncio.Event().wait()
                writer.write(answer)
                await writer.drain()
                if self.closes or b"connection: close" in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(*answers: bytes, closes: bool = False) -> AsyncIterator[Server]:
    server = Server(*answers, closes=closes)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await server.connected(reader, writer)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(params=[WireClient, AiohttpClient])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    made: Client = request.param()
    yield made
    await made.close()


def at(url: str, **more: float) -> Upstream:
    return Upstream(name="up", family="openai", base_url=url, **more)  # type: ignore[arg-type]  # numbers only


async def ask(client: Client, upstream: Upstream) -> tuple[int, bytes]:
    answer = await client.send("POST", f"{upstream.base_url}/x?a=b", {"x-y": "z"}, b"{}", upstream=upstream)
    try:
        return answer.status, await answer.read()
    finally:
        answer.close()


@pytest.mark.parametrize(
    "answer", [PLAIN, CHUNKED, UNTIL_CLOSED, INTERIM], ids=["length", "chunked", "until closed", "interim"]
)
async def test_an_answer_ends_where_http_says(client: Client, answer: bytes) -> None:
    async with listening(answer) as server:
        assert await ask(client, at(server.url)) == (200, b"hello")
    [request] = server.requests
    assert request.startswith(b"POST /v1/x?a=b HTTP/1.1\r\n") and request.endswith(b"\r\n\r\n{}")
    assert b"x-y: z" in request.lower()


async def test_a_connection_is_used_again_unless_the_server_closed_it(client: Client) -> None:
    async with listening(PLAIN, CHUNKED, UNTIL_CLOSED, PLAIN) as server:
        for _ in range(4):
            assert await ask(client, at(server.url)) == (200, b"hello")
            await asyncio.sleep(0.01)  # a server's goodbye is read before the next request
    assert server.connections == 2


async def test_a_stream_arrives_in_pieces(client: Client) -> None:
    async with listening(CHUNKED) as server:
        answer = await client.send("POST", f"{server.url}/x", {}, b"{}", upstream=at(server.url))
        assert b"".join([chunk async for chunk in answer.chunks()]) == b"hello"
        answer.close()


@pytest.mark.parametrize("answer", [PLAIN[:-2], CHUNKED[:-5], HEAD], ids=["short", "no last chunk", "no head"])
async def test_an_answer_that_is_cut_is_of_unknown_outcome(client: Client, answer: bytes) -> None:
    async with listening(answer, closes=True) as server:
        with pytest.raises(OutcomeUnknown):
            await ask(client, at(server.url))


async def test_silence_ends_after_its_time(client: Client) -> None:
    async with listening(b"") as server:
        with pytest.raises(OutcomeUnknown):
            await ask(client, at(server.url, timeout_seconds=0.05))


async def test_who_cannot_be_reached_was_not_asked(client: Client) -> None:
    async with listening() as server:
        url = server.url
    with pytest.raises(ProviderFailed) as failed:
        await ask(client, at(url))
    assert not isinstance(failed.value, OutcomeUnknown)


async def test_a_netrc_with_an_entry_for_the_host_does_not_stand_in_the_way_of_the_key(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with listening(PLAIN) as server:
        answer = await client.send(
            "POST", f"{server.url}/x", {"authorization": "Bearer key"}, b"{}", upstream=at(server.url)
        )
        assert await answer.read() == b"hello"
        answer.close()
    [request] = server.requests
    assert b"authorization: bearer key" in request.lower()


async def test_a_redirect_takes_the_key_nowhere(client: Client) -> None:
    async with listening(PLAIN) as elsewhere:
        away = b"HTTP/1.1 307 Away\r\nlocation: %b/x\r\ncontent-length: 0\r\n\r\n" % elsewhere.url.encode()
        async with listening(away) as server:
            assert await ask(client, at(server.url)) == (307, b"")
    assert not elsewhere.requests


async def test_the_environments_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    client = AiohttpClient()
    async with listening(PLAIN) as server:
        monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
        assert await ask(client, at("http://models.invalid/v1")) == (200, b"hello")
    await client.close()
    [request] = server.requests
    assert request.startswith(b"POST http://models.invalid/v1/x?a=b HTTP/1.1\r\n")


async def test_what_is_not_http_is_of_unknown_outcome() -> None:
    client = WireClient()
    async with listening(b"SSH-2.0-OpenSSH_9.6\r\n\r\n") as server:
        with pytest.raises(OutcomeUnknown):
            await ask(client, at(server.url))
    await client.close()
