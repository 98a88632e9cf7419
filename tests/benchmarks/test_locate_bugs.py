"""A bench of `locate` that is interrupted gives no result for the bug that it was at, and goes on there."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.test_repair_bugs import CONFIRMS, bug_in
from tests.conftest import missing

from parcae.benchmarks.locate_bugs import BugResult, locate_bugs
from parcae.core.clock import WallClock
from parcae.core.plan import StagePlan
from parcae.core.scope import LiveEvent
from parcae.jobs.world import World
from parcae.models.builtin import builtin
from parcae.store.memory import MemoryJournal
from parcae.tools.bubblewrap import trouble
from parcae.tools.sandbox import find_sandbox

LADDER = StagePlan(ladder=("builtin:small", "builtin:large"), attempts=2)


async def met(folder: Path, world: World) -> list[BugResult]:
    bench = locate_bugs([folder], LADDER, world, bench="b", seed=1, budget_usd=5.0, sandbox=find_sandbox(False))
    return [result async for result in bench]


async def test_an_interrupted_bug_has_no_result_until_the_bench_goes_on(tmp_path: Path) -> None:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    folder, journal = bug_in(tmp_path / "one", CONFIRMS), MemoryJournal()

    def interrupt(_: LiveEvent) -> None:
        first.stop.set()

    first = World(journal=journal, clock=WallClock(), open_model=builtin, show=interrupt)
    assert await met(folder, first) == []
    (result,) = await met(folder, World(journal=journal, clock=WallClock(), open_model=builtin))
    assert {len(arm.attempts) for arm in result.arms.values()} == {2}
