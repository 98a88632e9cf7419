"""`parcae repair` on many known bugs: each arm meets the same failing tests, and held-back tests judge the best patch.

A patch is plausible by the tests that the agent could run; it is confirmed if it also gives what the whole code gives
on cases that no agent saw. Runs and verdicts lie in the journal under names made from the bench's, so a bench goes on
where it was interrupted.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from parcae.benchmarks.accuracy import Interval, interval
from parcae.benchmarks.arms import verdicts_by_arm
from parcae.benchmarks.bug import REPO, Bug, read_bug
from parcae.core.events import RunStarted
from parcae.core.plan import StagePlan
from parcae.core.protocols import Forecaster
from parcae.jobs.options import JobOptions
from parcae.jobs.repair import Looked, begin_looked, go_on, look
from parcae.jobs.report import Report
from parcae.jobs.world import World
from parcae.tools.plain_pytest import run_plain
from parcae.tools.project_python import choose_python
from parcae.tools.sandbox import Sandbox
from parcae.tools.scratch import scratch_folder
from parcae.workspace import check_out, open_workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairJudged:
    """What held-back tests say of the best patch of a bench's run. `same` None: there is no patch, or no such test."""

    kind: ClassVar[str] = "repair.judged/1"
    scope: str
    plausible: bool
    same: bool | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairBench:
    """What all runs of one bench have in common."""

    name: str
    stage: StagePlan
    seed: int
    budget_usd: float | None
    sandbox: Sandbox
    copies: Path
    python: Path | None = None
    forecaster: Forecaster | None = None


def repair_bugs(folders: Sequence[Path], bench: RepairBench, world: World) -> AsyncIterator[Mapping[str, RepairJudged]]:
    """Meet every bug with every arm; yields a verdict an arm. Stops early when `world.stop` is set.

    Raises:
        CallerMistake: a bug cannot be read, or its test does not fail as it should.
        SandboxFailed: tests cannot be contained here.
    """
    looks: dict[Path, Looked] = {}  # of the bug that is being met: all arms share it

    async def meet(run: str, folder: Path, plan: StagePlan) -> RepairJudged | None:
        bug = read_bug(folder)
        options = _options(bug, folder, plan, bench)
        if folder not in looks:
            looks.clear()
            looks[folder] = await look(options, world, run=run, sandbox=bench.sandbox)
        return await _meet(run, options, looks[folder], _Judge(bug, folder, bench.sandbox), world, bench.forecaster)

    return verdicts_by_arm(folders, bench.stage, world, bench=bench.name, verdict=RepairJudged, meet=meet)


def _options(bug: Bug, folder: Path, plan: StagePlan, bench: RepairBench) -> JobOptions:
    return JobOptions(
        repo=(folder / REPO).resolve(),
        test=bug.test,
        stage=plan,
        budget_usd=bench.budget_usd,
        seed=bench.seed,
        python=bench.python,
        copies=bench.copies,
    )


async def _meet(
    run: str, options: JobOptions, looked: Looked, judge: _Judge, world: World, forecaster: Forecaster | None
) -> RepairJudged | None:
    """Repair, judge, and write the verdict down; None if the run was interrupted."""
    if not await world.journal.read(run, [RunStarted], below=False):
        await begin_looked(looked, options, world, run=run)
    report = await go_on(run, world, sandbox=judge.sandbox, forecaster=forecaster, bed=looked.bed)
    if report.status == "cancelled":
        return None
    plausible = any(patch.plausible for patch in report.patches)
    same = await judge.same(report, options) if plausible else None
    judged = RepairJudged(scope=run, plausible=plausible, same=same, cost_usd=report.cost_usd)
    await world.journal.append([judged])
    return judged


@dataclass(frozen=True, slots=True)
class _Judge:
    """Judges patches of `bug`, which lies in `folder`, by the tests that no agent saw."""

    bug: Bug
    folder: Path
    sandbox: Sandbox

    async def same(self, report: Report, options: JobOptions) -> bool | None:
        """Whether the best patch passes them; None if there are none."""
        if not self.bug.held_back:
            return None
        opened = open_workspace(options.repo, report.run, copies=options.copies)
        with scratch_folder("parcae-judge-") as folder:
            await check_out(opened.main.branch(report.patches[0].attempt), folder)
            hidden = folder / "tests" / Path(self.bug.held_back).name
            await asyncio.to_thread(shutil.copyfile, self.folder / self.bug.held_back, hidden)
            ran = await run_plain(
                folder,
                f"tests/{hidden.name}",
                at=options.repo,
                python=choose_python(options.repo, options.python, os.environ),
                sandbox=self.sandbox,
                timeout_seconds=options.timeout_seconds,
            )
        return bool(ran.passed) and not ran.failed and ran.limit is None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairRow:
    """One arm: the share of bugs with a plausible patch, that share of these that held-back tests confirm, dollars."""

    name: str
    plausible: Interval
    same: Interval | None
    cost_usd: float | None


def repair_table(results: Sequence[Mapping[str, RepairJudged]], *, seed: int) -> dict[str, object]:
    """The figures as plain JSON values; intervals resample bugs, differences are paired by bug."""
    rows = [_row(arm, [one[arm] for one in results], seed) for arm in results[0]]
    first, *others = results[0]
    differences = {
        f"{arm} - {first}": interval([one[arm].plausible - one[first].plausible for one in results], seed=seed)
        for arm in others
    }
    return {
        "schema": "parcae.bench.repair/1",
        "bugs": len(results),
        "rows": [asdict(row) for row in rows],
        "differences": {name: asdict(one) for name, one in differences.items()},
    }


def _row(arm: str, own: Sequence[RepairJudged], seed: int) -> RepairRow:
    judged = [float(one.same) for one in own if one.same is not None]
    costs = [one.cost_usd for one in own]
    return RepairRow(
        name=arm,
        plausible=interval([float(one.plausible) for one in own], seed=seed),
        same=interval(judged, seed=seed) if judged else None,
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None) / len(costs),
    )
