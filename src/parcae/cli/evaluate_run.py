"""What `parcae evaluate` and `parcae train` do: a source to groups, groups to figures or to a forecaster."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parcae.cli.session import text_of
from parcae.cli.settings import settle
from parcae.core.errors import CallerMistake

if TYPE_CHECKING:
    from parcae.prediction.evaluate import Evaluation
    from parcae.prediction.setups import SetupRecord
    from parcae.prediction.sources.read import Found
    from parcae.prediction.train import Trained

SQLITE = b"SQLite format 3\0"


def evaluate_run(flags: Mapping[str, Any]) -> int:
    """Evaluate and print."""
    from parcae.prediction.crossfit import PAPER
    from parcae.prediction.evaluate import evaluate
    from parcae.prediction.prefixes import Look
    from parcae.prediction.setups import setup_records

    if flags["no_gcn"] and flags["embedder"] != "hashed":
        raise CallerMistake("only the graph network reads texts, by --embedder", "leave out --no-gcn")
    found = _found(flags)
    looks = [Look(at=at, kind="sequential" if flags["sequential"] else "parallel") for at in flags["ats"]] or [Look()]
    progress = _progress(flags)
    evaluations = [
        evaluate(
            found.groups,
            look,
            seed=flags["seed"],
            heads=_heads(flags["only"]),
            gcn=None if flags["no_gcn"] else PAPER,
            embedder=flags["embedder"],
            paper_compatible=flags["paper_compatible"],
            progress=progress,
        )
        for look in looks
    ]
    setups = setup_records(found.groups)
    if flags["as_json"]:
        click.echo(json.dumps(_plain(_document(found, evaluations, setups))))
    else:
        _show(found, evaluations, setups)
    return 0


def train_run(flags: Mapping[str, Any]) -> int:
    """Train, keep what is better than the rule, and print."""
    from parcae.prediction.fitted import refuse_to_replace, save
    from parcae.prediction.train import train

    if flags["out"] is not None:
        refuse_to_replace(flags["out"], flags["agent"])
    found = _found(flags)
    trained = train(
        found.groups,
        agent=flags["agent"],
        kind=flags["kind"],
        embedder=flags["embedder"],
        seed=flags["seed"],
        progress=_progress(flags),
    )
    file = flags["out"] or _shelf(flags)
    if trained.better:
        save(trained.fitted, file)
    document = _trained(trained, file if trained.better else None, found)
    if flags["as_json"]:
        click.echo(json.dumps(_plain(document)))
        return 0
    for note in found.notes:
        click.echo(f"note: {note}")
    own = trained.fitted.card.metrics
    for name, figures in own.items():
        click.echo(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in figures.items()))
    click.echo(f"Brier score gained on the rule: {trained.gain:+.3f} [{trained.low:+.3f}, {trained.high:+.3f}]")
    click.echo(f"{trained.why}; " + (f"kept in {file}" if trained.better else "the rule stays"))
    return 0


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
    from parcae.prediction.sources.read import Wanted, read

    source = flags["source"]
    if source is None or _is_journal(source):
        return _journalled(source, flags)
    return read(source, Wanted(model=flags["model"], samples=flags["samples"], skip=flags["skip_broken"]))


def _is_journal(source: Path) -> bool:
    file = source / "journal.sqlite" if source.is_dir() else source
    try:
        with file.open("rb") as stream:
            return stream.read(len(SQLITE)) == SQLITE
    except OSError:
        return False


def _journalled(source: Path | None, flags: Mapping[str, Any]) -> Found:
    from parcae.prediction.sources.journal import KINDS, groups_from
    from parcae.prediction.sources.read import Found
    from parcae.store.home import JOURNAL, find
    from parcae.store.sqlite import SqliteJournal

    if source is None:
        source = (
            find(text_of(settle({"home": flags["home"]}, env=os.environ, project=Path()), "home") or None) / JOURNAL
        )
    file = source / JOURNAL if source.is_dir() else source
    if not file.is_file():
        raise CallerMistake(f"there is no journal {file}", "name a SOURCE or another --home, or begin a run")

    async def events() -> Found:
        async with SqliteJournal.open(file) as journal:
            recorded = await journal.read("", KINDS)
        groups = groups_from((entry.event for entry in recorded), agent=flags["agent"])
        unlabelled = sum(group.failed is None for group in groups)
        notes = (
            (f"{unlabelled} of {len(groups)} runs have no verdict yet: parcae outcome RUN ...",) if unlabelled else ()
        )
        return Found(format="journal", groups=tuple(groups), notes=notes)

    return asyncio.run(events())


def _shelf(flags: Mapping[str, Any]) -> Path:
    from parcae.prediction.shelf import shelf_file
    from parcae.store.home import home

    folder = home(text_of(settle({"home": flags["home"]}, env=os.environ, project=Path()), "home") or None)
    return shelf_file(folder, flags["agent"])


def _progress(flags: Mapping[str, Any]) -> Callable[[str], None]:
    if flags["quiet"] or not sys.stderr.isatty():
        return lambda line: None
    return lambda line: click.echo(line, err=True)


# ---- documents ----------------------------------------------------------------------------------------------------


def _document(found: Found, evaluations: Sequence[Evaluation], setups: Sequence[SetupRecord]) -> dict[str, Any]:
    first = evaluations[0]
    return {
        "schema": "parcae.evaluate/1",
        "source_format": found.format,
        "tasks": len(set(first.tasks)),
        "groups": len(first.tasks),
        "failing": sum(first.failed),
        "split": "by task, crc32 modulo 5; settings and calibration chosen on inner folds",
        "look": str(first.look),
        "forecasters": [dataclasses.asdict(one) for one in first.forecasters],
        "looks": [
            {
                "look": str(one.look),
                "seconds": round(one.seconds, 1),
                "forecasters": [dataclasses.asdict(row) for row in one.forecasters],
            }
            for one in evaluations
        ],
        "setups": [dataclasses.asdict(one) | {"fails_from_the_start": one.fails_from_the_start} for one in setups],
        "notes": list(found.notes),
    }


def _trained(trained: Trained, file: Path | None, found: Found) -> dict[str, Any]:
    card = trained.fitted.card
    return {
        "schema": "parcae.train/1",
        "better": trained.better,
        "why": trained.why,
        "file": None if file is None else str(file),
        "brier_gain": {"mean": trained.gain, "low": trained.low, "high": trained.high},
        "card": dataclasses.asdict(dataclasses.replace(card, metrics={})) | {"metrics": card.metrics},
        "notes": list(found.notes),
    }


def _plain(value: Any) -> Any:
    """JSON has no nan: what the data does not define is null."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _show(found: Found, evaluations: Sequence[Evaluation], setups: Sequence[SetupRecord]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    heads = ("forecaster", "accuracy", "95 %", "AUC", "95 %", "AUPR", "FPR@95", "Brier", "off")
    for one in evaluations:
        tasks, groups = len(set(one.tasks)), len(one.tasks)
        several = "" if groups == tasks else f" in {groups} groups"
        console.print(
            f"{one.look}: {tasks} tasks{several}, {sum(one.failed)} fail; each forecast by a model that never saw it"
        )
        table = Table(box=None, pad_edge=False)
        for head in heads:
            table.add_column(head, justify="left" if head == "forecaster" else "right", no_wrap=True)
        for row in one.forecasters:
            table.add_row(
                row.name,
                f"{row.accuracy:.3f}",
                f"{row.low:.2f}-{row.high:.2f}",
                f"{row.auc:.3f}",
                f"{row.auc_low:.2f}-{row.auc_high:.2f}",
                f"{row.aupr:.3f}",
                f"{row.fpr_at_95_tpr:.2f}",
                f"{row.brier:.3f}",
                f"{row.calibration_error:.3f}",
            )
        console.print(table)
    console.print("off: mean distance of forecasts from how often they came true (calibration error)", style="dim")
    for record in setups:
        if record.fails_from_the_start:
            name = f"{record.setup.model} {record.setup.prompt} with {', '.join(record.setup.tools) or 'its tools'}"
            console.print(
                f"fails from the start: {name}: {record.failure_rate:.0%} of {record.tasks} tasks", markup=False
            )
