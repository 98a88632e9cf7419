"""`parcae bugs build`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from parcae.cli import settings as known


@click.group()
def bugs() -> None:
    """Known faults in small repositories, to measure agents on."""


@bugs.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(min=1), default=50, show_default=True, help="How many bugs.")
@click.option("--seed", type=int, default=1, show_default=True, help="What chance depends on.")
@click.option("--from", "project", type=click.Path(path_type=Path), help="A project with a green suite to break.")
@click.option("--python", type=click.Path(path_type=Path), help="The Python that runs that project's tests.")
@click.option("--no-sandbox", is_flag=True, default=None, help="Run broken code without walls.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.bugs/1).")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def build(out: Path, **flags: Any) -> int:  # click passes what the options say
    """Break functions one at a time and keep, in the new folder OUT, what a test notices.

    Without --from the broken code is a copy of modules of Python's standard library, and the tests compare what they
    give with what the whole library gives. Each bug is a folder: `repo` with one failing test, `bug.json` with the
    culprit, and tests that no agent sees.
    """
    from parcae.cli.bugs_build import build_bugs

    return build_bugs(out, flags, known.settle(flags, env=os.environ, project=Path()))
