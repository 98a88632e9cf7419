"""`parcae bench locate`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from parcae.cli import settings as known


@click.group()
def bench() -> None:
    """Measure the agents on known bugs and public items, beside plain baselines."""


@bench.command()
@click.argument("bugs", type=click.Path(path_type=Path))
@click.option("--models", help="The ladder of models, cheapest first, separated by commas.")
@click.option("--samples", type=click.IntRange(min=1), help="Attempts at each bug (10).")
@click.option("--swap", help="none, parallel@K, sequential@K, stop@K or adaptive@L (none).")
@click.option("--swap-attempts", type=click.IntRange(min=1), help="How many attempts go on after a swap (all).")
@click.option("--plan", type=click.Path(path_type=Path), help="A plan in TOML instead of the options above.")
@click.option("--budget", type=click.FloatRange(min=0), help="US dollars that each run may spend ($1).")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many bugs.")
@click.option("--seed", type=int, default=1, show_default=True, help="What chance depends on.")
@click.option("--name", help="A name for this bench; the same name goes on where it was interrupted.")
@click.option("--no-sandbox", is_flag=True, default=None, help="Run tests without walls.")
@click.option("--home", help="Where runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.bench.locate/1).")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def locate(bugs: Path, **flags: Any) -> int:  # click passes what the options say
    r"""Find the culprits of all bugs in the folder BUGS with each model alone and with the swap.

    \b
    For example, without any key:
      parcae bugs build --count 20 out/bugs
      parcae bench locate out/bugs --models builtin:small,builtin:large --swap parallel@4
    """
    from parcae.cli.bench_locate import bench_locate

    return bench_locate(bugs, flags, known.settle(flags, env=os.environ, project=Path()))
