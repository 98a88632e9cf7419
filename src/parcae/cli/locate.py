"""`parcae locate REPO TEST`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from parcae.cli import settings as known


@click.command()
@click.argument("repo", type=click.Path(path_type=Path))
@click.argument("test")
@click.option("--models", help="The ladder of models, cheapest first, separated by commas.")
@click.option("--samples", type=click.IntRange(min=1), help="Attempts at the task (10).")
@click.option("--swap", help="none, parallel@K, sequential@K, stop@K or adaptive@L (none).")
@click.option("--swap-attempts", type=click.IntRange(min=1), help="How many attempts go on after a swap (all).")
@click.option("--plan", type=click.Path(path_type=Path), help="A plan in TOML instead of the options above.")
@click.option("--budget", type=click.FloatRange(min=0), help="US dollars that the run may spend ($1).")
@click.option("--seed", type=int, default=1, show_default=True, help="What chance depends on.")
@click.option("--python", type=click.Path(), help="The Python that runs the tests (REPO/.venv, ...).")
@click.option("--timeout", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds for the test.")
@click.option("--no-sandbox", is_flag=True, default=None, help="Run the test without walls: you trust the project.")
@click.option("--compare-strong", is_flag=True, help="Also run every attempt on the last model, for comparison.")
@click.option("--dry-run", is_flag=True, help="Print the plan and its worst case; run nothing.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with graph, swaps and every step.")
@click.option("--home", help="Where runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.locate/1).")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def locate(**flags: Any) -> int:  # click passes what the options say
    """Find the function behind the failing pytest node id TEST of the project in REPO.

    \b
    For example, without any key:
      parcae locate examples/ledgerbook tests/test_ledger.py::test_closing_balance \\
        --models builtin:small,builtin:large --samples 10 --swap parallel@4 --budget 0.50
    """  # noqa: D301  # click reads the \\b
    settled = known.settle(flags, env=os.environ, project=flags["repo"])
    from parcae.cli.locate_run import dry_run, locate_run

    return dry_run(flags, settled) if flags["dry_run"] else locate_run(flags, settled)
