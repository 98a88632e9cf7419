"""What `parcae bench locate` does: every bug with every arm, then the table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from parcae.benchmarks.accuracy import Interval
from parcae.benchmarks.bug import find_bugs
from parcae.benchmarks.locate_bugs import RANKS, BugResult, locate_bugs
from parcae.benchmarks.locate_table import Table, table
from parcae.cli.ladder import budget_of, stage_from
from parcae.cli.live import Board
from parcae.cli.locate_run import forecaster_for
from parcae.cli.progress import counting
from parcae.cli.session import in_world, new_run, text_of
from parcae.cli.settings import Setting
from parcae.hotswap.supervisor import checked_policy
from parcae.jobs.world import World
from parcae.tools.sandbox import find_sandbox


def bench_locate(bugs: Path, flags: Mapping[str, object], settings: Mapping[str, Setting]) -> int:
    """Run the bench and print its table; returns the exit code."""
    folders = find_bugs(bugs)[: _whole(flags["limit"])]
    plan, seed = flags["plan"], flags["seed"]
    assert isinstance(seed, int)
    stage = stage_from(
        settings, "locate", plan=plan if isinstance(plan, Path) else None, swap_attempts=_whole(flags["swap_attempts"])
    )
    checked_policy(stage)
    forecaster, _ = forecaster_for(stage, settings, "locate")
    sandbox = find_sandbox(bool(settings["no_sandbox"].value))
    python = text_of(settings, "python")
    name = str(flags["name"] or new_run("bench"))
    quiet = bool(flags["quiet"]) or bool(flags["as_json"])

    async def run(world: World) -> list[BugResult]:
        with counting("bugs", len(folders), quiet=quiet) as one_more:
            results = []
            async for result in locate_bugs(
                folders,
                stage,
                world,
                bench=name,
                seed=seed,
                budget_usd=budget_of(stage.limits, settings),
                python=Path(python) if python else None,
                sandbox=sandbox,
                forecaster=forecaster,
            ):
                results.append(result)
                one_more(result.bug)
        return results

    results = in_world(settings, Board(budget_usd=None), run)
    if not results:
        click.echo(f"interrupted before the first bug; go on with --name {name}", err=True)
        return 130
    policy = None if stage.policy == "none" else stage.policy
    found = table(results, stage.ladder[0], stage.ladder[-1], policy, seed=seed)
    if flags["as_json"]:
        click.echo(json.dumps(found.document()))
    else:
        _show(found)
    if len(results) < len(folders):
        click.echo(f"interrupted after {len(results)} of {len(folders)} bugs; go on with --name {name}", err=True)
        return 130
    return 0


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _show(found: Table) -> None:
    click.echo(f"{found.bugs} bugs; 95 % intervals resample bugs")
    heads = "".join(f"{f'acc@{k}':>22}" for k in RANKS)
    click.echo(f"{'':26}{heads}{'$ a bug':>10}{'swapped':>9}")
    for row in found.rows:
        figures = "".join(f"{_interval(row.accuracy[k]):>22}" for k in RANKS)
        cost = "" if row.cost_usd is None else f"{row.cost_usd:.4f}"
        swapped = "" if not row.swapped else f"{row.swapped:.0%}"
        click.echo(f"{row.name:26}{figures}{cost:>10}{swapped:>9}")
    for name, difference in found.differences.items():
        click.echo(f"acc@1, {name}: {_interval(difference)}")
    for attempts, (accuracy, cost_usd) in found.fewer.items():
        click.echo(f"the strong model, {attempts} attempts: acc@1 {accuracy:.3f} at ${cost_usd:.4f}")
    for name, figure in (found.swap or {}).items():
        click.echo(f"swap, {name}: {_interval(figure)}")


def _interval(figure: Interval) -> str:
    return f"{figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
