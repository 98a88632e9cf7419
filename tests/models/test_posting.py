"""Sending bytes: what of the environment counts on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from parcae.models.posting import Answer, Poster

pytestmark = pytest.mark.loopback
HEADERS = {"Authorization": "Bearer key", "Content-Type": "application/json"}
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers "ok" to everything, and the heads of the requests that it got."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()
        await server.wait_closed()


async def posted(url: str) -> Answer:
    poster = Poster(5.0)
    try:
        return await poster.post(url, HEADERS, b"{}", model="m")
    finally:
        await poster.close()


async def test_a_netrc_with_an_entry_for_the_host_does_not_stand_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with listening() as (port, heads):
        answer = await posted(f"http://127.0.0.1:{port}/v1/chat/completions")
    assert (answer.status, answer.body) == (200, b"ok")
    assert b"Authorization: Bearer key" in heads[0]


async def test_the_environments_proxy_is_asked_for_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as (port, heads):
        monkeypatch.setenv("http_proxy", f"http://who:secret@127.0.0.1:{port}")
        answer = await posted("http://models.invalid/v1/chat/completions")
    assert answer.status == 200
    assert heads[0].startswith(b"POST http://models.invalid/v1/chat/completions HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic " in heads[0]


async def test_no_proxy_is_asked_for_a_host_that_the_environment_excepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with listening() as (port, heads):
        answer = await posted(f"http://127.0.0.1:{port}/v1/chat/completions")
    assert answer.status == 200
    assert heads[0].startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
