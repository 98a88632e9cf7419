"""What `parcae bench repair` does: every bug with every arm, then the shares of plausible and of confirmed patches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from parcae.benchmarks.bug import find_bugs
from parcae.benchmarks.repair_bugs import RepairBench, RepairJudged, repair_bugs, repair_table
from parcae.cli.ladder import budget_of, stage_from
from parcae.cli.live import Board
from parcae.cli.locate_run import forecaster_for
from parcae.cli.progress import counting
from parcae.cli.session import in_world, new_run, text_of
from parcae.cli.settings import Setting
from parcae.hotswap.supervisor import checked_policy
from parcae.jobs.world import World
from parcae.store.home import home
from parcae.tools.sandbox import find_sandbox


def bench_repair(bugs: Path, flags: Mapping[str, Any], settings: Mapping[str, Setting]) -> int:
    """Run the bench and print its table; returns the exit code."""
    folders = find_bugs(bugs)[: flags["limit"]]
    python = text_of(settings, "python")
    stage = stage_from(settings, "repair", plan=flags["plan"], swap_attempts=flags["swap_attempts"])
    checked_policy(stage)
    bench = RepairBench(
        name=str(flags["name"] or new_run("bench")),
        stage=stage,
        seed=flags["seed"],
        budget_usd=budget_of(stage.limits, settings),
        forecaster=forecaster_for(stage, settings, "repair")[0],
        sandbox=find_sandbox(bool(settings["no_sandbox"].value)),
        copies=home(text_of(settings, "home") or None) / "copies",
        python=Path(python) if python else None,
    )

    async def run(world: World) -> list[Mapping[str, RepairJudged]]:
        found: list[Mapping[str, RepairJudged]] = []
        with counting("bugs", len(folders), quiet=bool(flags["quiet"] or flags["as_json"])) as one_more:
            async for verdicts in repair_bugs(folders, bench, world):
                found.append(verdicts)
                one_more(folders[len(found) - 1].name)
        return found

    results = in_world(settings, Board(budget_usd=None), run)
    if results:
        table = repair_table(results, seed=flags["seed"])
        click.echo(json.dumps(table)) if flags["as_json"] else _show(table)
    if len(results) < len(folders):
        click.echo(f"interrupted after {len(results)} of {len(folders)} bugs; go on with --name {bench.name}", err=True)
        return 130
    return 0


def _show(table: Mapping[str, Any]) -> None:
    click.echo(f"{table['bugs']} bugs; 95 % intervals resample bugs")
    click.echo(f"{'':26}{'plausible':>22}{'confirmed of these':>22}{'$ a bug':>10}")
    for row in table["rows"]:
        cost = "" if row["cost_usd"] is None else f"{row['cost_usd']:.4f}"
        click.echo(f"{row['name']:26}{_interval(row['plausible']):>22}{_interval(row['same']):>22}{cost:>10}")
    for name, difference in table["differences"].items():
        click.echo(f"plausible, {name}: {_interval(difference)}")


def _interval(figure: Mapping[str, float] | None) -> str:
    return "" if figure is None else f"{figure['mean']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
