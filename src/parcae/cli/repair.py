"""`parcae repair REPO TEST`."""

from __future__ import annotations

import os
from typing import Any

import click

from parcae.cli import settings as known
from parcae.cli.job_options import job_options


@click.command()
@job_options("repair", page="patches, graph, swaps and every step")
@click.option("--apply", is_flag=True, help="Write the best plausible patch into your files.")
def repair(**flags: Any) -> int:  # click passes what the options say
    """Make the failing pytest node id TEST of the project in REPO pass, in branches of its own.

    The best patch is shown as a diff; your files stay as they are unless you say --apply. A patch is plausible if TEST
    passes with it and nothing fails that passed before.

    \b
    For example, without any key:
      parcae repair examples/ledgerbook tests/test_ledger.py::test_closing_balance --samples 5
    """
    settled = known.settle(flags, env=os.environ, project=flags["repo"])
    from parcae.cli.repair_run import repair_run

    return repair_run(flags, settled)
