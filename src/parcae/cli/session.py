"""What every command that runs something needs: the journal of this home, models by name, and Ctrl-C.

The first Ctrl-C winds up and shows the answer so far, the second one stops at once.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from parcae.cli.live import Board
from parcae.cli.settings import Setting
from parcae.core.clock import WallClock
from parcae.core.protocols import Model
from parcae.jobs.world import World

if TYPE_CHECKING:
    from parcae.store.redact import Redactor

T = TypeVar("T")
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "OLLAMA_API_KEY")


def new_run(command: str) -> str:
    """A fresh name for a run, such as "locate-20261124-164210-9f3a"."""
    return f"{command}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def in_world(settings: Mapping[str, Setting], board: Board, job: Callable[[World], Awaitable[T]]) -> T:
    """Run `job` with the journal of the home that `settings` name; Ctrl-C sets its `stop` first.

    Raises:
        KeyboardInterrupt: Ctrl-C came again, before the job had anything to answer.
    """
    try:
        return asyncio.run(_in_world(settings, board, job))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def looking(
    settings: Mapping[str, Setting], open_model: Callable[[str], Model], job: Callable[[World], Awaitable[T]]
) -> T:
    """Let `job` look into the journal; no model is asked, and Ctrl-C just ends it."""

    async def look() -> T:
        from parcae.store.home import journal_path
        from parcae.store.sqlite import SqliteJournal

        path = journal_path(text_of(settings, "home") or None)
        async with SqliteJournal.open(path, redact=redactor(settings)) as journal:
            return await job(World(journal=journal, clock=WallClock(), open_model=open_model))

    return asyncio.run(look())


async def _in_world(settings: Mapping[str, Setting], board: Board, job: Callable[[World], Awaitable[T]]) -> T:
    from parcae.store.home import journal_path
    from parcae.store.sqlite import SqliteJournal

    redact, stop = redactor(settings), asyncio.Event()
    _wind_up_on_interrupt(stop)  # first of all: asyncio's own handler would break into the opening of the journal
    async with SqliteJournal.open(journal_path(text_of(settings, "home") or None), redact=redact) as journal:
        open_one, opened = opener(settings, learnt=redact.hide), dict[str, Model]()

        def open_model(name: str) -> Model:
            opened[name] = open_one(name)
            return opened[name]

        world = World(journal=journal, clock=WallClock(), open_model=open_model, show=board.show, stop=stop)
        try:
            return await job(world)
        finally:
            for model in opened.values():
                close = getattr(model, "close", None)
                if close is not None:
                    await close()


def redactor(settings: Mapping[str, Setting]) -> Redactor:
    """Hides the keys in use and the user's own list."""
    from parcae.store.redact import Redactor

    secrets_in_use = [value for name in KEYS if (value := os.environ.get(name))]
    return Redactor([*secrets_in_use, *(word.strip() for word in text_of(settings, "redact").split(","))])


def _wind_up_on_interrupt(stop: asyncio.Event) -> None:
    task = asyncio.current_task()
    assert task is not None

    def interrupted() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted)


def opener(settings: Mapping[str, Setting], learnt: Callable[[str], None] = lambda key: None) -> Callable[[str], Model]:
    """Opens models by name, each once; `learnt` is told the keys that come from elsewhere than the environment."""
    from parcae.cli.keys import Keys
    from parcae.models.catalog import load_catalog
    from parcae.models.open import open_model

    file = text_of(settings, "catalog")
    catalog = load_catalog(Path(file) if file else None)
    given = dict(os.environ)
    if base_url := text_of(settings, "base_url"):
        given["OPENAI_BASE_URL"] = base_url
    env = Keys(given, text_of(settings, "key_command"), learnt)

    @cache
    def opened(name: str) -> Model:
        return open_model(name, catalog=catalog, env=env)

    return opened


def cards_only(settings: Mapping[str, Setting]) -> Callable[[str], Model]:
    """Models that can be looked at and not asked: old runs are shown without keys."""
    from parcae.models.catalog import load_catalog
    from parcae.models.silent import SilentModel

    file = text_of(settings, "catalog")
    catalog = load_catalog(Path(file) if file else None)
    return lambda name: SilentModel(catalog.card(name))


def text_of(settings: Mapping[str, Setting], name: str) -> str:
    """A setting as text; "" if it has no value."""
    value = settings[name].value
    return "" if value is None else str(value)
