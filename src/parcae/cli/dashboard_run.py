"""What `parcae dashboard` does: opens the journal of the home and serves its pages until it is interrupted."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import webbrowser
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import click

from parcae.cli.run_work import outfit_to_look
from parcae.cli.session import cards_only, redactor, text_of
from parcae.cli.settings import Setting, settle
from parcae.core.clock import WallClock
from parcae.core.errors import CallerMistake, ParcaeError
from parcae.core.protocols import Journal, ModelCard
from parcae.jobs.world import World
from parcae.organization.job import read_options, reopen
from parcae.store.home import DOCUMENTS, journal_path
from parcae.store.home import home as home_of
from parcae.store.sqlite import SqliteJournal
from parcae.web.api.guard import LOOPBACK
from parcae.web.api.routes import House, application
from parcae.web.api.server import only, serve
from parcae.web.api.told import Document
from parcae.workspace import Branch

SHORTEST_KEY = 16


def run(home: str | None, *, host: str, port: int, key_env: str, open_: bool, as_json: bool) -> None:
    """Serve until Ctrl-C.

    Raises:
        CallerMistake: a key is needed and missing or short, or the port is taken.
    """
    settings = settle({"home": home}, env=os.environ, project=Path())
    key = os.environ.get(key_env, "")
    if host not in LOOPBACK and not key:
        raise CallerMistake(f"listening on {host} without a key is refused", f"set {key_env}, or leave --host out")
    if key and len(key) < SHORTEST_KEY:
        raise CallerMistake(f"the key in {key_env} is too short", f"use {SHORTEST_KEY} characters or more")
    _check_port(host, port)

    def ready(url: str) -> None:
        said = json.dumps({"schema": "parcae.dashboard/1", "url": url}) if as_json else f"the dashboard is at {url}"
        click.echo(said, err=not as_json)
        if open_:
            webbrowser.open(url)

    async def work() -> None:
        async with SqliteJournal.open(journal_path(home), redact=redactor(settings)) as journal:
            make = lambda closing: application(  # noqa: E731  # said once, used once
                house(settings, journal, closing), only(key) if key else None
            )
            await serve(make, host, port, ready)

    asyncio.run(work())


def house(
    settings: Mapping[str, Setting],
    journal: Journal,
    closing: Callable[[], bool] = lambda: False,
    gateway: Callable[[], Awaitable[Document]] | None = None,
) -> House:
    """What the dashboard looks at in this home."""
    open_model = cards_only(settings)

    def card_of(name: str) -> ModelCard | None:
        with suppress(ParcaeError):
            return open_model(name).card
        return None

    async def branch_of(run: str) -> Branch | None:
        world = World(journal=journal, clock=WallClock(), open_model=open_model)
        with suppress(CallerMistake):
            options, _ = await read_options(run, world)
            if options.workspace.exists():
                return await asyncio.to_thread(lambda: reopen(run, options, outfit_to_look(settings)).main)
        return None

    folder = home_of(text_of(settings, "home") or None) / DOCUMENTS
    return House(
        journal=journal, card_of=card_of, branch_of=branch_of, documents=folder, gateway=gateway, closing=closing
    )


def _check_port(host: str, port: int) -> None:
    """Say that an address cannot be had before a server fails on it with a traceback."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise CallerMistake(f"{host} port {port} cannot be had: {error.strerror}", "name another --port") from None
