"""`parcae evaluate [SOURCE]` and `parcae train [SOURCE]`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
AGENT_IN_BOTH = "The kind of task: of journals and exported runs whose runs, and whom a forecaster is for (locate)."


def shared(command: F) -> F:
    """What both commands take."""
    options = (
        click.argument("source", required=False, type=click.Path(path_type=Path)),
        click.option("--model", help="Only attempts by this model."),
        click.option("--samples", type=click.IntRange(min=1), help="Of AutoFL recordings: attempts a task (10)."),
        click.option("--agent", help=AGENT_IN_BOTH),
        click.option("--swapped", is_flag=True, help="Of runs that another model took over: what came of them."),
        click.option("--skip-broken", is_flag=True, help="Leave broken lines out instead of stopping there."),
        click.option(
            "--embedder",
            default="hashed",
            show_default=True,
            help="What the graph network knows of texts: hashed, fasttext (learned from SOURCE), or PROVIDER:MODEL.",
        ),
        click.option(
            "--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, help="What chance depends on."
        ),
        click.option("--home", help="Where runs are kept; its journal is read if no SOURCE is named."),
        click.option("--quiet", is_flag=True, help="Show no progress."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@shared
@click.option("--at", "ats", type=click.IntRange(min=1), multiple=True, help="Look after so many steps (at the end).")
@click.option("--sequential", is_flag=True, help="--at counts attempts that have ended, not steps of all.")
@click.option(
    "--only",
    help="Only these: majority, prior, logistic, boosting, forest, names; their blend needs the last four.",
)
@click.option("--no-gcn", is_flag=True, help="Leave the graph network out: it takes most of the time and needs torch.")
@click.option("--paper-compatible", is_flag=True, help="Also follow the authors' protocol, which leaks; marked.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.evaluate/1).")
def evaluate(**flags: Any) -> int:  # click passes what the options say
    """Say how well failures can be forecast on recorded runs in SOURCE, on tasks that no forecaster saw.

    SOURCE is a journal, an exported run, chat logs, *.traj.json, OpenTelemetry spans or AutoFL recordings.

    \b
    For example:
      parcae evaluate runs.jsonl --at 5
    """
    from parcae.cli.evaluate_run import evaluate_run

    return evaluate_run(flags)


@click.command()
@shared
@click.option(
    "--kind", help="logistic, boosting, forest, names, blend, prior or gcn (the best on tasks it has not seen)."
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to write it (the home's forecasters).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.train/1).")
def train(**flags: Any) -> int:  # click passes what the options say
    """Train a forecaster on the runs in SOURCE; it is kept only if it beats the rule on tasks it has not seen.

    \b
    For example:
      parcae outcome RUN success
      parcae train
    """
    from parcae.cli.evaluate_run import train_run

    return train_run(flags)
