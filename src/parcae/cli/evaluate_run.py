"""What `parcae evaluate` and `parcae train` do: a source to groups, groups to figures or to a forecaster."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parcae.cli.evaluate_show import print_json, show_evaluations, show_trained
from parcae.cli.session import text_of
from parcae.cli.settings import settle
from parcae.core.errors import CallerMistake

if TYPE_CHECKING:
    from parcae.prediction.prefixes import Look
    from parcae.prediction.sources.read import Found, Wanted
    from parcae.prediction.train import Trained

SQLITE = b"SQLite format 3\0"
AGENT = "locate"


def evaluate_run(flags: Mapping[str, Any]) -> int:
    """Evaluate and print."""
    from parcae.cli.evaluate_show import evaluated
    from parcae.prediction.crossfit import PAPER
    from parcae.prediction.evaluate import evaluate
    from parcae.prediction.setups import setup_records

    _refuse_idle(flags)
    looks, heads = _looks(flags), _heads(flags["only"])
    found = _found(flags)
    _refuse_agent(flags, found)
    progress = _progress(flags)
    evaluations = [
        evaluate(
            found.groups,
            look,
            seed=flags["seed"],
            heads=heads,
            gcn=None if flags["no_gcn"] else PAPER,
            embedder=flags["embedder"],
            paper_compatible=flags["paper_compatible"],
            progress=progress,
        )
        for look in looks
    ]
    setups = setup_records(found.groups)
    if flags["as_json"]:
        print_json(evaluated(found, evaluations, setups))
    else:
        show_evaluations(found, evaluations, setups)
    return 0


def train_run(flags: Mapping[str, Any]) -> int:
    """Train, keep what is better than the rule, and print."""
    from parcae.prediction.fitted import refuse_to_replace
    from parcae.prediction.gain import SWAPPED
    from parcae.prediction.prefixes import Look
    from parcae.prediction.train import train

    agent = (flags["agent"] or AGENT) + (SWAPPED if flags["swapped"] else "")
    shelf = _shelf(flags["home"], agent)
    file = flags["out"] or shelf
    refuse_to_replace(file, agent)
    found = _found(flags)
    trained = train(
        found.groups,
        agent=agent,
        kind=flags["kind"],
        looks=[Look()] if flags["swapped"] else None,  # they are cut where they were looked at
        embedder=flags["embedder"],
        seed=flags["seed"],
        progress=_progress(flags),
    )
    kept = _keep(trained, file, flags)
    show_trained(trained, found, kept, None if kept else _staying((file, shelf), agent), as_json=flags["as_json"])
    return 0


# ---- what was asked for -------------------------------------------------------------------------------------------


def _refuse_idle(flags: Mapping[str, Any]) -> None:
    """Refuses flags that would do nothing."""
    if flags["no_gcn"] and flags["embedder"] != "hashed":
        raise CallerMistake("only the graph network reads texts, by --embedder", "leave out --no-gcn")
    if flags["no_gcn"] and flags["paper_compatible"]:
        raise CallerMistake("--paper-compatible trains the graph network as its authors do", "leave out --no-gcn")
    if flags["swapped"] and flags["ats"]:
        raise CallerMistake(
            "--swapped looks at attempts when another model took over, not --at N", "leave one of them out"
        )
    if flags["sequential"] and not flags["ats"]:
        raise CallerMistake("--sequential says what --at counts, and there is no --at", "add --at N, or leave it out")


def _refuse_agent(flags: Mapping[str, Any], found: Found) -> None:
    from parcae.prediction.sources.read import RUNS

    if flags["agent"] is not None and found.format not in RUNS:
        raise CallerMistake(f"--agent is for journals and exported runs, and these are {found.format}", "leave it out")


def _refuse_swapped(wanted: Wanted, found: Found) -> None:
    from parcae.prediction.sources.read import RUNS

    if wanted.swapped and found.format not in RUNS:
        raise CallerMistake(f"--swapped is for journals and exported runs, these are {found.format}", "leave it out")


def _looks(flags: Mapping[str, Any]) -> list[Look]:
    from parcae.prediction.prefixes import Look

    return [Look(at=at, kind="sequential" if flags["sequential"] else "parallel") for at in flags["ats"]] or [Look()]


def _heads(only: str | None) -> tuple[str, ...]:
    """The forecasters that are fitted on features."""
    from parcae.prediction.crossfit import HEADS

    names = HEADS if only is None else tuple(name.strip() for name in only.split(","))
    for name in names:
        if name not in HEADS:
            raise CallerMistake(f"there is no forecaster {name!r} to evaluate", f"use some of {', '.join(HEADS)}")
    return names


# ---- where from, where to -----------------------------------------------------------------------------------------


def _found(flags: Mapping[str, Any]) -> Found:
    """The groups of the source that is named, or of the journal; fit to learn from."""
    from parcae.prediction.rows import checked
    from parcae.prediction.sources.read import Wanted, read

    wanted = Wanted(
        model=flags["model"],
        samples=flags["samples"],
        agent=flags["agent"] or AGENT,
        swapped=flags["swapped"],
        skip=flags["skip_broken"],
    )
    source = flags["source"] or _home(flags["home"])
    journalled = flags["source"] is None or _is_journal(source)
    found = _journalled(source, wanted) if journalled else read(source, wanted)
    _refuse_swapped(wanted, found)
    checked(found.groups, label=found.label)
    return found


def _is_journal(source: Path) -> bool:
    file = source / "journal.sqlite" if source.is_dir() else source
    try:
        with file.open("rb") as stream:
            return stream.read(len(SQLITE)) == SQLITE
    except OSError:
        return False


def _journalled(source: Path, wanted: Wanted) -> Found:
    from parcae.prediction.sources.journal import KINDS
    from parcae.prediction.sources.read import runs_found
    from parcae.store.home import JOURNAL
    from parcae.store.sqlite import SqliteJournal

    file = source if source.is_file() else source / JOURNAL
    if not file.is_file():
        raise CallerMistake(f"there is no journal {file}", "name a SOURCE or another --home, or begin a run")

    async def found() -> Found:
        async with SqliteJournal.open(file) as journal:
            recorded = await journal.read("", KINDS)
        return runs_found([entry.event for entry in recorded], wanted)

    return asyncio.run(found())


def _home(named: str | None) -> Path:
    from parcae.store.home import find

    return find(text_of(settle({"home": named}, env=os.environ, project=Path()), "home") or None)


def _shelf(home: str | None, agent: str) -> Path:
    from parcae.prediction.shelf import shelf_file

    return shelf_file(_home(home), agent)


def _keep(trained: Trained, file: Path, flags: Mapping[str, Any]) -> Path | None:
    """Where a forecaster that is better was written; None for another."""
    from parcae.prediction.fitted import save
    from parcae.store.home import home

    if not trained.better:
        return None
    if flags["out"] is None:
        home(str(_home(flags["home"])))  # nobody else may look into a new one
    try:
        save(trained.fitted, file)
    except OSError as error:
        raise CallerMistake(f"{file} cannot be written: {error.strerror}", "name another --out") from None
    return file


def _staying(files: tuple[Path, ...], agent: str) -> Path | None:
    """The forecaster that stays in use where training brought no better one; None: the rule."""
    from parcae.prediction.shelf import in_use

    return next((file for file in files if in_use(file, agent)), None)


def _progress(flags: Mapping[str, Any]) -> Callable[[str], None]:
    if flags["quiet"] or not sys.stderr.isatty():
        return lambda line: None
    return lambda line: click.echo(line, err=True)
