"""`parcae allocate PIPELINE`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from parcae.cli import settings as known
from parcae.cli.numbers import NumberRange
from parcae.cli.output import OUTPUT_FILE


@click.command()
@click.argument("named", metavar="PIPELINE | RUN...", nargs=-1)
@click.option("--from-runs", is_flag=True, help="Take past runs of `parcae run` (all, if none is named); draw nothing.")
@click.option("--models", help="Candidate models of every stage, separated by commas (the file's).")
@click.option("--budget", type=NumberRange(min=0), help="US dollars that the search may spend ($1; inf: no limit).")
@click.option("--item-budget", type=NumberRange(min=0), help="US dollars that the choice may cost an item.")
@click.option("--max-calls", type=click.IntRange(min=1), help="New samples that the search may draw.")
@click.option("--epsilon", type=NumberRange(0.001, 0.5), default=0.05, show_default=True, help="Good enough by.")
@click.option("--delta", type=NumberRange(0.001, 0.5), default=0.05, show_default=True, help="Risk of the promise.")
@click.option("--strategy", default="race", show_default=True, help="race, exhaustive, random, tpe, rules or agenttts.")
@click.option("--agent", help="The model that proposes trials with --strategy agenttts.")
@click.option("--items", "limit", type=click.IntRange(min=2), help="Use only the first so many items.")
@click.option("--held-out", type=click.IntRange(min=0), default=0, help="Keep so many items to score the choice on.")
@click.option("--pilot", is_flag=True, help="Two rounds only: draw the three insights for this pipeline.")
@click.option("--resume", "run", help="Go on with this run; its samples are not drawn again.")
@click.option("--seed", type=int, default=1, show_default=True, help="What chance depends on.")
@click.option("--export", type=OUTPUT_FILE, help="Write the choice as a plan in TOML.")
@click.option("--html", type=OUTPUT_FILE, help="Write a page with frontier and curves.")
@click.option("--no-sandbox", is_flag=True, default=None, help="Run tests without walls: you trust the projects.")
@click.option("--home", help="Where runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.allocate/1).")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def allocate(**flags: Any) -> int:  # click passes what the options say
    """Choose which model and how many samples each stage of PIPELINE (a TOML file) gets.

    With --from-runs: which model and how many attempts each role of an organisation gets, by what its past runs
    recorded.

    \b
    For example, without any key:
      parcae allocate examples/pipelines/locate_repair.toml \\
        --models builtin:small,builtin:large --export plan.toml --html allocation.html
      parcae allocate --from-runs --item-budget 0.5 --export roles.toml
    """
    settled = known.settle(flags, env=os.environ, project=Path())
    if flags["from_runs"]:
        from parcae.cli.allocate_roles import allocate_from_runs

        return allocate_from_runs(flags, settled)
    from parcae.cli.allocate_run import allocate_run, one_pipeline

    return allocate_run({**flags, "pipeline": one_pipeline(flags["named"])}, settled)
