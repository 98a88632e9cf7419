from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import uvicorn

from parcae.core.protocols import Journal
from parcae.gateway.compose import Parts, opened, usual_parts
from parcae.gateway.config import read_config
from parcae.gateway.connection import Connection
from parcae.gateway.rest import rest
from parcae.gateway.serve import Application
from parcae.gateway.server import Beside, nothing_beside
from parcae.gateway.state import Gateway
from parcae.store.memory import MemoryJournal


@dataclass(slots=True)
class Client:
    """A gateway on loopback and a plain HTTP client for it."""

    url: str
    gateway: Gateway
    journal: Journal
    http: aiohttp.ClientSession

    async def post(self, path: str, document: object, **headers: str) -> tuple[int, Mapping[str, str], Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(self.url + path, json=document, headers=named) as response:
            kind = response.headers.get("content-type", "")
            body = await response.json() if "json" in kind else await response.text()
            return response.status, response.headers, body

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.get(self.url + path, headers=named) as response:
            kind = response.headers.get("content-type", "")
            return response.status, await response.json() if "json" in kind else await response.text()


@asynccontextmanager
async def serving(
    document: Mapping[str, object],
    *,
    env: Mapping[str, str] | None = None,
    journal: Journal | None = None,
    change: Callable[[Parts], Parts] = lambda parts: parts,
    beside: Beside = nothing_beside,
    protocol: type[asyncio.Protocol] = Connection,
) -> AsyncIterator[Client]:
    """The gateway of `document` on a port of its own."""
    config = read_config({"listen": "127.0.0.1:0", **document}, env or {})
    kept = journal or MemoryJournal()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    async with opened(config, change(usual_parts(config, kept, env or {}))) as gateway:
        settings = uvicorn.Config(
            Application(gateway, beside(gateway, rest(gateway))),
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            http=protocol,
        )
        server = uvicorn.Server(settings)
        server.install_signal_handlers = lambda: None  # type: ignore[method-assign]  # the test's own stay
        running = asyncio.create_task(server._serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0)
        try:
            async with aiohttp.ClientSession() as http:
                yield Client(f"http://127.0.0.1:{listener.getsockname()[1]}", gateway, kept, http)
        finally:
            server.should_exit = True
            await running
            listener.close()
