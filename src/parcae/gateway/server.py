"""Runs a gateway under uvicorn until it is told to stop; streams that have begun are finished first."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import uvicorn

from parcae.core.protocols import Journal
from parcae.gateway.compose import opened, usual_parts
from parcae.gateway.config import GatewayConfig
from parcae.gateway.connection import Connection
from parcae.gateway.rest import rest
from parcae.gateway.serve import App, Application
from parcae.gateway.state import Gateway
from parcae.store.nowhere import NowhereJournal
from parcae.store.redact import Redactor
from parcae.store.sqlite import SqliteJournal

_log = logging.getLogger("parcae.gateway")
Beside = Callable[[Gateway, App], App]  # puts more pages beside those of `rest`


def nothing_beside(gateway: Gateway, rest: App) -> App:
    """Just `rest`."""
    return rest


async def serve(
    config: GatewayConfig, env: Mapping[str, str], *, ready: Callable[[str], None], beside: Beside = nothing_beside
) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called with the address when requests are taken.

    Raises:
        StoreFailed: the journal cannot be opened.
        CallerMistake: the catalog or a plan cannot be read.
    """
    if config.journal is None:
        await _serve(config, env, NowhereJournal(), ready, beside)
        return
    redact = Redactor(config.secrets)
    async with SqliteJournal.open(config.journal, redact=redact, on_the_spot=False) as journal:
        await _serve(config, env, journal, ready, beside)


async def _serve(
    config: GatewayConfig, env: Mapping[str, str], journal: Journal, ready: Callable[[str], None], beside: Beside
) -> None:
    async with opened(config, usual_parts(config, journal, env)) as gateway:
        warming: asyncio.Future[None] | None = None

        def listening(url: str) -> None:
            nonlocal warming
            ready(url)
            if _translates(config):
                warming = asyncio.get_running_loop().run_in_executor(None, _warm)

        server = Server(
            uvicorn.Config(
                Application(gateway, beside(gateway, rest(gateway))),
                host=config.host,
                port=config.port,
                loop="uvloop",
                http=Connection,
                ws="none",
                lifespan="off",
                access_log=False,
                proxy_headers=False,
                log_config=None,
                server_header=False,
                date_header=False,
                backlog=4096,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=round(config.bounds.shutdown_seconds),
            ),
            listening,
        )
        server.stopping = lambda: setattr(gateway, "closing", True)
        await server.serve()


class Server(uvicorn.Server):
    """uvicorn, which tells when it listens, and where (a port of 0 is chosen by the system).

    A signal ends it in good order: whoever runs it closes the books after it. uvicorn's own handling would raise the
    signal once more and end the process before that.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.stopping: Callable[[], None] = lambda: None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The first signal winds up, the second one ends at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._told, number)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _told(self, number: int) -> None:
        self.stopping()
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # as uvicorn's
        """Bind, then tell."""
        await super().startup(sockets=None)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._ready(f"http://{host}:{port}")


def _translates(config: GatewayConfig) -> bool:
    """Whether some model is not reached in the client's own protocol: it answers in this process, or in another one."""
    named = {name.partition(":")[0] for model in config.models.values() for name in model.stage.ladder}
    return not named <= set(config.upstreams) or len({up.family for up in config.upstreams.values()}) > 1


def _warm() -> None:
    """Load what the first request would wait a second for, while nobody waits yet."""
    import parcae.gateway.translated
    import parcae.models.repair  # noqa: F401  # the same


def run(
    config: GatewayConfig, env: Mapping[str, str], *, ready: Callable[[str], None], beside: Beside = nothing_beside
) -> None:
    """`serve` on an event loop of its own."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config, env, ready=ready, beside=beside))
