"""What `parcae doctor` looks at. Each check finds one thing out and changes nothing."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from parcae import __version__
from parcae.cli.session import opener, text_of
from parcae.cli.settings import FILE, Setting, config_folder, is_trusted, settle
from parcae.core.errors import ParcaeError, SandboxFailed
from parcae.models.open import KEYS

LITTLE_BYTES = 200 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `exit_code` counts when it failed."""

    name: str
    state: Literal["ok", "warning", "failed"]
    found: str
    cure: str = ""
    exit_code: int = 0


def checkup(home: str | None, probe: str | None) -> list[Check]:
    """All checks, in the order in which people should mend things."""
    settings = settle({"home": home}, env=os.environ, project=Path())
    checks = [_python(), _sandbox(), _git(), *_keys(settings), *_home(settings), _prices(), *_project_file()]
    return [*checks, _probe(probe, settings)] if probe else checks


def _python() -> Check:
    system = f"{platform.system()} {platform.machine()}"
    found = f"Parcae {__version__} on Python {platform.python_version()} ({sys.executable}), {system}"
    if platform.system() == "Linux":
        return Check(name="python", state="ok", found=found)
    cure = "library, gateway and allocation work here; sandboxed commands need Linux"
    return Check(name="python", state="warning", found=found, cure=cure)


def _sandbox() -> Check:
    from parcae.tools.sandbox import find_sandbox

    try:
        find_sandbox(False)
    except SandboxFailed as error:
        return Check(name="sandbox", state="warning", found=error.what, cure=error.cure)
    return Check(name="sandbox", state="ok", found="bubblewrap works: no network, no home, limits hold")


def _git() -> Check:
    try:
        import pygit2
    except ImportError as error:  # a wheel without a library that fits this system
        cure = "reinstall Parcae for this Python"
        return Check(name="git", state="failed", found=f"pygit2 cannot be loaded: {error}", cure=cure, exit_code=2)
    command = "" if shutil.which("git") else "; no git command (nothing of ours needs it)"
    found = f"pygit2 {metadata.version('pygit2')} with libgit2 {pygit2.LIBGIT2_VERSION}{command}"
    return Check(name="git", state="ok", found=found)


def _keys(settings: Mapping[str, Setting]) -> list[Check]:
    """Which keys there are; never what they are. `key_command` is not run: it may ask the user something."""
    present = {provider: [name for name in names if os.environ.get(name)] for provider, names in KEYS.items()}
    set_ones = [f"{provider} ({names[0]})" for provider, names in present.items() if names]
    command = "; key_command is set" if text_of(settings, "key_command") else ""
    if set_ones or command:
        return [Check(name="keys", state="ok", found=(", ".join(set_ones) or "none in the environment") + command)]
    cure = "set OPENAI_API_KEY or another provider's; builtin models and servers of your own need none"
    return [Check(name="keys", state="warning", found="no provider's key is set", cure=cure)]


def _home(settings: Mapping[str, Setting]) -> list[Check]:
    from parcae.store.home import JOURNAL, find

    folder = find(text_of(settings, "home") or None)
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        cure = "name another --home, or mend its permissions"
        return [Check(name="home", state="failed", found=f"{folder} cannot be written", cure=cure, exit_code=6)]
    free = shutil.disk_usage(there).free
    found = f"{folder}{'' if folder.exists() else ' (made by the first run)'}, {free / 1e9:.1f} GB free"
    little = free < LITTLE_BYTES
    cure = "free some space: runs stop safely when the disk is full" if little else ""
    home = Check(name="home", state="warning" if little else "ok", found=found, cure=cure)
    return [home, _journal(folder / JOURNAL)] if (folder / JOURNAL).exists() else [home]


def _journal(file: Path) -> Check:
    from parcae.store.schema import VERSION

    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            [version] = connection.execute("PRAGMA user_version").fetchone()
            [said] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        said, version = str(error), VERSION
    if said != "ok":
        cure = "`parcae runs salvage` saves every event that can still be read"
        return Check(name="journal", state="failed", found=f"{file} is damaged: {said}", cure=cure, exit_code=6)
    if version > VERSION:
        found = f"{file} has version {version}, this Parcae reads up to {VERSION}"
        return Check(name="journal", state="failed", found=found, cure="update Parcae", exit_code=6)
    return Check(name="journal", state="ok", found=f"{file}, version {version}, {file.stat().st_size / 1e6:.1f} MB")


def _prices() -> Check:
    from parcae.models.catalog import prices_dated

    return Check(name="prices", state="ok", found=prices_dated())


def _project_file() -> list[Check]:
    file = Path(FILE)
    if not file.is_file():
        return []
    if is_trusted(file, config_folder()):
        return [Check(name="settings", state="ok", found=f"{file} is trusted")]
    cure = "read it, then run `parcae trust .` if it may grant budgets, addresses and the like"
    return [Check(name="settings", state="warning", found=f"{file} is not trusted", cure=cure)]


def _probe(name: str, settings: Mapping[str, Setting]) -> Check:
    """Ask for one token; the budget of the settings holds."""
    begun = time.perf_counter()
    try:
        cost_usd = asyncio.run(_one_token(name, settings))
    except ParcaeError as error:
        return Check(name="probe", state="failed", found=str(error), exit_code=error.exit_code)
    cost = "price unknown" if cost_usd is None else f"${cost_usd:.6f}"
    return Check(name="probe", state="ok", found=f"{name} answered in {time.perf_counter() - begun:.2f} s, {cost}")


async def _one_token(name: str, settings: Mapping[str, Setting]) -> float | None:
    from pydantic_ai.messages import ModelRequest, UserPromptPart

    from parcae.core.clock import WallClock
    from parcae.core.protocols import Request
    from parcae.core.scope import Scope
    from parcae.ledger.account import free_account
    from parcae.models.budgeted import Retries, ask
    from parcae.store.nowhere import NowhereJournal

    model = opener(settings)(name)
    request = Request(
        messages=[ModelRequest(parts=[UserPromptPart(content="Say one word.")])], max_tokens=16, timeout_seconds=30.0
    )
    scope = Scope(id="probe", account=free_account("probe"), journal=NowhereJournal(), clock=WallClock(), seed=1)
    try:
        return (await ask(model, request, scope, retries=Retries(tries=1))).cost_usd
    finally:
        close = getattr(model, "close", None)
        if close is not None:
            await close()
