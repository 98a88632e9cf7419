"""`parcae bench locate`, `parcae bench repair` and `parcae bench run`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from parcae.cli import settings as known
from parcae.cli.numbers import MOST_SECONDS, NumberRange

_OPTIONS = (
    click.option("--models", help="The ladder of models, cheapest first, separated by commas."),
    click.option("--samples", type=click.IntRange(min=1), help="Attempts at each bug or item (10)."),
    click.option("--swap", help="none, parallel@K, sequential@K, stop@K or adaptive@L (none)."),
    click.option("--swap-attempts", type=click.IntRange(min=1), help="How many attempts go on after a swap (all)."),
    click.option("--plan", type=click.Path(path_type=Path), help="A plan in TOML instead of the options above."),
    click.option("--budget", type=NumberRange(min=0), help="US dollars that each run may spend ($1)."),
    click.option("--limit", type=click.IntRange(min=1), help="Only the first so many bugs or items."),
    click.option("--seed", type=int, default=1, show_default=True, help="What chance depends on."),
    click.option("--name", help="A name for this bench; the same name goes on where it was interrupted."),
    click.option("--python", type=click.Path(), help="The Python that runs the tests."),
    click.option("--no-sandbox", is_flag=True, default=None, help="Run tests without walls."),
    click.option("--home", help="Where runs are kept."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.bench.*/1)."),
    click.option("--quiet", is_flag=True, help="Show no progress."),
)


def _measuring(command: Callable[..., int]) -> Callable[..., int]:
    """The options of every bench over bugs."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def bench() -> None:
    """Measure the agents on known bugs and public items, beside plain baselines."""


@bench.command()
@click.argument("bugs", type=click.Path(path_type=Path))
@_measuring
def locate(bugs: Path, **flags: Any) -> int:  # click passes what the options say
    """Find the culprits of all bugs in the folder BUGS with each model alone and with the swap.

    \b
    For example, without any key:
      parcae bugs build --count 20 out/bugs
      parcae bench locate out/bugs --models builtin:small,builtin:large --swap parallel@4
    """
    from parcae.cli.bench_locate import bench_locate

    return bench_locate(bugs, flags, known.settle(flags, env=os.environ, project=Path()))


@bench.command()
@click.argument("bugs", type=click.Path(path_type=Path))
@_measuring
def repair(bugs: Path, **flags: Any) -> int:  # click passes what the options say
    """Repair all bugs in the folder BUGS with each model alone and with the swap; held-back tests judge the patches.

    \b
    For example, without any key:
      parcae bugs build --count 20 out/bugs
      parcae bench repair out/bugs --models builtin:small,builtin:large --budget 20
    """
    from parcae.cli.bench_repair import bench_repair

    return bench_repair(bugs, flags, known.settle(flags, env=os.environ, project=Path()))


@bench.command()
@click.argument("kind", type=click.Choice(["mbpp", "humaneval", "math", "gsm8k"]))
@click.option("--items", required=True, type=click.Path(path_type=Path), help="JSONL in the set's published format.")
@click.option(
    "--timeout", type=NumberRange(0.1, MOST_SECONDS), default=10.0, show_default=True, help="Seconds a solution."
)
@_measuring
def run(kind: Any, items: Path, **flags: Any) -> int:  # click passes what the options say
    """Meet public items with each model alone and with the swap: pass@k, maj@k, dollars for a solved item.

    Code is graded in the sandbox by tests that no agent sees; mathematics by equivalent forms of the answer.

    \b
    For example:
      parcae bench run gsm8k --items examples/items/gsm8k.jsonl --models openai:gpt-4o-mini --samples 5
    """
    from parcae.cli.bench_run import bench_run

    return bench_run(kind, items, flags, known.settle(flags, env=os.environ, project=Path()))
