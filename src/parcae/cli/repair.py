"""`parcae repair REPO TEST`."""

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
@click.option("--apply", is_flag=True, help="Write the best plausible patch into your files.")
@click.option("--dry-run", is_flag=True, help="Print the plan and its worst case; run nothing.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with patches, graph, swaps and every step.")
@click.option("--home", help="Where runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.repair/1).")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def repair(**flags: Any) -> int:  # click passes what the options say
    """Make the failing pytest node id TEST of the project in REPO pass, in branches of its own.

    The best patch is shown as a diff; your files stay as they are unless you say --apply. A patch is plausible if TEST
    passes with it and nothing fails that passed before.

    \b
    For example, without any key:
      parcae repair examples/ledgerbook tests/test_ledger.py::test_closing_balance --samples 5
    """  # noqa: D301  # click reads the \\b
    settled = known.settle(flags, env=os.environ, project=flags["repo"])
    from parcae.cli.repair_run import repair_run

    return repair_run(flags, settled)
