"""The options that `parcae locate` and `parcae repair` share: which models, how many attempts, what money, where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from parcae.cli.numbers import MOST_SECONDS, NumberRange
from parcae.cli.output import OUTPUT_FILE

_Command = TypeVar("_Command", bound=Callable[..., int])


def job_options(name: str, page: str) -> Callable[[_Command], _Command]:
    """Adds the arguments and options of the job `name`; `page` says what --html writes a page with."""
    options = (
        click.argument("repo", type=click.Path(path_type=Path)),
        click.argument("test"),
        click.option("--models", help="The ladder of models, cheapest first, separated by commas."),
        click.option("--samples", type=click.IntRange(min=1), help="Attempts at the task (10)."),
        click.option("--swap", help="none, parallel@K, sequential@K, stop@K or adaptive@L (none)."),
        click.option("--swap-attempts", type=click.IntRange(min=1), help="How many attempts go on after a swap (all)."),
        click.option("--plan", type=click.Path(path_type=Path), help="A plan in TOML instead of the options above."),
        click.option("--budget", type=NumberRange(min=0), help="US dollars that the run may spend ($1)."),
        click.option("--seed", type=int, default=1, show_default=True, help="What chance depends on."),
        click.option("--python", type=click.Path(), help="The Python that runs the tests (REPO/.venv, ...)."),
        click.option(
            "--timeout",
            type=NumberRange(1, MOST_SECONDS),
            default=60.0,
            show_default=True,
            help="Seconds for the test.",
        ),
        click.option(
            "--no-sandbox", is_flag=True, default=None, help="Run the test without walls: you trust the project."
        ),
        click.option("--dry-run", is_flag=True, help="Print the plan and its worst case; run nothing."),
        click.option("--html", type=OUTPUT_FILE, help=f"Write a page with {page}."),
        click.option("--home", help="Where runs are kept."),
        click.option("--json", "as_json", is_flag=True, help=f"Print one JSON document (parcae.{name}/1)."),
        click.option("--quiet", is_flag=True, help="Show no progress."),
    )

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add
