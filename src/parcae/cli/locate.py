"""`parcae locate REPO TEST`."""

from __future__ import annotations

import os
from typing import Any

import click

from parcae.cli import settings as known
from parcae.cli.job_options import job_options


@click.command()
@job_options("locate", page="graph, swaps and every step")
@click.option("--compare-strong", is_flag=True, help="Also run every attempt on the last model, for comparison.")
def locate(**flags: Any) -> int:  # click passes what the options say
    """Find the function behind the failing pytest node id TEST of the project in REPO.

    \b
    For example, without any key:
      parcae locate examples/ledgerbook tests/test_ledger.py::test_closing_balance \\
        --models builtin:small,builtin:large --samples 10 --swap parallel@4 --budget 0.50
    """
    settled = known.settle(flags, env=os.environ, project=flags["repo"])
    from parcae.cli.locate_run import dry_run, locate_run

    return dry_run(flags, settled, "locate") if flags["dry_run"] else locate_run(flags, settled)
