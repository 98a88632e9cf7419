"""The dashboard on a port of its own, until it is told to stop."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import uvicorn

from parcae.gateway.server import Server
from parcae.web.api.guard import ASGI


async def serve(make: Callable[[Callable[[], bool]], ASGI], host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve what `make` makes (it is given a way to see that we are closing) until SIGINT or SIGTERM."""
    stopped: list[bool] = []
    settings = uvicorn.Config(
        make(lambda: bool(stopped)),
        host=host,
        port=port,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    server = Server(settings, ready)
    server.stopping = lambda: stopped.append(True)
    await server.serve()


def only(secret: str) -> Callable[[str], bool]:
    """Admits this one key; what a guess costs in time says nothing about it."""
    wanted = hashlib.sha256(secret.encode()).digest()
    return lambda key: hmac.compare_digest(hashlib.sha256(key.encode()).digest(), wanted)
