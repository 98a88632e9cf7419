"""What `parcae bench run` does: items are checked, met by every arm and graded; then the table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from parcae.benchmarks.graders import Grader
from parcae.benchmarks.items import Item, Kind, read_items
from parcae.benchmarks.task_bench import ItemJudged, TaskBench, bad_items, open_ladder, run_items, task_table
from parcae.cli.ladder import budget_of, stage_from
from parcae.cli.live import Board
from parcae.cli.locate_run import forecaster_for
from parcae.cli.progress import counting
from parcae.cli.session import in_world, new_run, text_of
from parcae.cli.settings import Setting
from parcae.core.errors import CallerMistake
from parcae.hotswap.supervisor import checked_policy
from parcae.jobs.world import World
from parcae.tools.sandbox import find_sandbox


def bench_run(kind: Kind, file: Path, flags: Mapping[str, Any], settings: Mapping[str, Setting]) -> int:
    """Run the bench and print its table; returns the exit code."""
    python = text_of(settings, "python")
    stage = stage_from(settings, "solve", plan=flags["plan"], swap_attempts=flags["swap_attempts"])
    checked_policy(stage)
    bench = TaskBench(
        name=str(flags["name"] or new_run("bench")),
        kind=kind,
        file=file,
        stage=stage,
        seed=flags["seed"],
        budget_usd=budget_of(stage.limits, settings),
        forecaster=forecaster_for(stage, settings, "solve")[0],
        grader=Grader(
            sandbox=find_sandbox(bool(settings["no_sandbox"].value)),
            python=Path(python) if python else None,
            timeout_seconds=flags["timeout"],
        ),
    )
    items = read_items(kind, file)[: flags["limit"]]

    async def run(world: World) -> tuple[int, list[Mapping[str, ItemJudged]]]:
        open_ladder(bench, world)
        usable = await _usable(items, bench.grader)
        found: list[Mapping[str, ItemJudged]] = []
        with counting("items", len(usable), quiet=bool(flags["quiet"] or flags["as_json"])) as one_more:
            async for verdicts in run_items(usable, bench, world):
                found.append(verdicts)
                one_more(usable[len(found) - 1].name)
        return len(usable), found

    planned, results = in_world(settings, Board(budget_usd=None), run)
    if results:
        table = task_table(results, kind=kind, seed=flags["seed"])
        click.echo(json.dumps(table)) if flags["as_json"] else _show(table)
    if len(results) < planned:
        done = f"interrupted after {len(results)} of {planned} items"
        click.echo(f"{done}; go on with --name {bench.name}", err=True)
        return 130
    return 0


async def _usable(items: tuple[Item, ...], grader: Grader) -> tuple[Item, ...]:
    """The items that their own solutions solve; the others are named and left out."""
    bad = await bad_items(items, grader)
    for name, why in bad.items():
        click.echo(f"item {name} is left out: its own solution does not solve it here ({why})", err=True)
    if len(bad) == len(items):
        raise CallerMistake(
            "no item is solved by its own solution", "check the file, or give --python with its packages"
        )
    return tuple(item for item in items if item.name not in bad)


def _show(table: Mapping[str, Any]) -> None:
    click.echo(f"{table['items']} {table['kind']} items; 95 % intervals resample items")
    for row in table["rows"]:
        click.echo(row["name"])
        for k, figure in row["pass_at"].items():
            click.echo(f"  pass@{k:<5}{_interval(figure)}")
        click.echo(f"  maj@{row['attempts']:<6.4g}{_interval(row['majority'])}")
        if row["cost_usd"] is not None:
            click.echo(f"  ${row['cost_usd']:.4f} in all, ${row['one_usd'] or 0:.5f} an attempt", nl=False)
            solved = row["usd_per_solved"]
            click.echo("" if solved is None else f", $ for a solved item {_interval(solved)}")
        if row["failed"]:
            click.echo(f"  {row['failed']} attempts were ended by their provider and count as unsolved")
    for name, difference in table["differences"].items():
        click.echo(f"maj@k, {name}: {_interval(difference)}")


def _interval(figure: Mapping[str, float]) -> str:
    return f"{figure['mean']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"
