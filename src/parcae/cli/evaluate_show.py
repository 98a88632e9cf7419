"""What `parcae evaluate` and `parcae train` print: one JSON document, or lines and a table for a terminal."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from parcae.prediction.evaluate import Evaluation
    from parcae.prediction.setups import SetupRecord
    from parcae.prediction.sources.read import Found
    from parcae.prediction.train import Trained

LEAKS = "gcn (leaks)"  # how the authors' protocol is called in a table of 80 columns
HEADS = ("forecaster", "accuracy", "95 %", "AUC", "95 %", "AUPR", "FPR@95", "Brier", "off")


# ---- documents ----------------------------------------------------------------------------------------------------


def evaluated(found: Found, evaluations: Sequence[Evaluation], setups: Sequence[SetupRecord]) -> dict[str, Any]:
    """The document parcae.evaluate/1."""
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


def trained_document(trained: Trained, found: Found, kept: Path | None, stays: Path | None) -> dict[str, Any]:
    """The document parcae.train/1: `kept` is where it was written, else `stays` what is in use as before."""
    card = trained.fitted.card
    return {
        "schema": "parcae.train/1",
        "better": trained.better,
        "why": trained.why,
        "file": None if kept is None else str(kept),
        "stays": None if kept is not None else "rule" if stays is None else str(stays),
        "brier_gain": {"mean": trained.gain, "low": trained.low, "high": trained.high},
        "card": dataclasses.asdict(dataclasses.replace(card, metrics={})) | {"metrics": card.metrics},
        "notes": list(found.notes),
    }


def print_json(document: Mapping[str, Any]) -> None:
    """One line; what the data does not define is null."""
    click.echo(json.dumps(_plain(document)))


def _plain(value: Any) -> Any:
    """JSON has no nan: what the data does not define is null."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


# ---- for a terminal -----------------------------------------------------------------------------------------------


def show_trained(trained: Trained, found: Found, kept: Path | None, stays: Path | None, *, as_json: bool) -> None:
    """Print what training came to."""
    from parcae.prediction.gain import SWAPPED

    if as_json:
        print_json(trained_document(trained, found, kept, stays))
        return
    for note in found.notes:
        click.echo(f"note: {note}")
    card = trained.fitted.card
    for name, figures in card.metrics.items():
        click.echo(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in figures.items()))
    click.echo(f"Brier score gained on the rule: {trained.gain:+.3f} [{trained.low:+.3f}, {trained.high:+.3f}]")
    nothing = "nothing says what a swap brings" if card.agent.endswith(SWAPPED) else "the rule stays"
    before = nothing if stays is None else f"the forecaster in {stays} stays in use"
    click.echo(f"{trained.why}; " + (before if kept is None else f"kept in {kept}"))


def show_evaluations(found: Found, evaluations: Sequence[Evaluation], setups: Sequence[SetupRecord]) -> None:
    """Print a table for each look, and the set-ups that fail from the start."""
    from rich.console import Console

    from parcae.prediction.evaluate import LEAKING

    console = Console(highlight=False, soft_wrap=True)
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    for one in evaluations:
        console.print(
            f"{one.look}: {_counted(one)}, {sum(one.failed)} fail; each forecast by a model that never saw it"
        )
        console.print(_table(one))
        for row in one.forecasters:
            if row.name == LEAKING:
                console.print(f"{LEAKS}: {row.name}, {', '.join(row.settings)}", markup=False)
    console.print("off: mean distance of forecasts from how often they came true (calibration error)", style="dim")
    for record in setups:
        if record.fails_from_the_start:
            console.print(f"fails from the start: {record}", markup=False)


def _counted(evaluation: Evaluation) -> str:
    tasks, groups = len(set(evaluation.tasks)), len(evaluation.tasks)
    return f"{tasks} tasks" if groups == tasks else f"{tasks} tasks in {groups} groups"


def _table(evaluation: Evaluation) -> Table:
    from rich.table import Table

    from parcae.prediction.evaluate import LEAKING

    table = Table(box=None, pad_edge=False)
    for head in HEADS:
        table.add_column(head, justify="left" if head == HEADS[0] else "right", no_wrap=True)
    for row in evaluation.forecasters:
        table.add_row(
            LEAKS if row.name == LEAKING else row.name,
            f"{row.accuracy:.3f}",
            f"{row.low:.2f}-{row.high:.2f}",
            f"{row.auc:.3f}",
            f"{row.auc_low:.2f}-{row.auc_high:.2f}",
            f"{row.aupr:.3f}",
            f"{row.fpr_at_95_tpr:.2f}",
            f"{row.brier:.3f}",
            f"{row.calibration_error:.3f}",
        )
    return table
