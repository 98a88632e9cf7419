"""Runs of `parcae locate` for the live experiment: each bug by either model alone, and swapped at given looks.

Every run is the product's own job on its own journal, so an interrupted one goes on where it stopped. Attempt n draws
the same chances in every run of a bug, so a swapped run begins with the very steps of the run of small alone.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parcae.agents.fault_localization import locate_task
from parcae.benchmarks.bug import REPO, Bug, read_bug
from parcae.core.events import OutcomeGiven, RunStarted
from parcae.core.plan import StagePlan
from parcae.core.plan_rungs import RungPlan
from parcae.core.protocols import Forecast, Forecaster, Watch
from parcae.core.task import Task
from parcae.core.trajectory import Step, Trajectory
from parcae.jobs.attempts import looked_at
from parcae.jobs.locate import LocatePrepared, begin_covered, go_on
from parcae.jobs.options import JobOptions
from parcae.jobs.report import Report
from parcae.jobs.world import World
from parcae.prediction.rule import RuleForecaster
from parcae.store.replay import members, rebuild
from parcae.tools.covered import Covered
from parcae.tools.sandbox import Sandbox

ATTEMPTS, SEED, BUDGET_USD = 10, 1, 50.0
SMALL, LARGE = "builtin:small", "builtin:large"


@dataclass(frozen=True, slots=True)
class Certain:
    """A forecaster that says the same of every task: it makes a run swap, or not, whatever happens.

    How promising each attempt is it takes from the rule.
    """

    p_fail: float

    def watch(self, task: Task, samples: int) -> Watch:
        return CertainWatch(self.p_fail, RuleForecaster().watch(task, samples))


@dataclass(frozen=True, slots=True)
class CertainWatch:
    p_fail: float
    rule: Watch

    def add(self, attempt: int, step: Step) -> None:
        self.rule.add(attempt, step)

    def forecast(self) -> Forecast:
        promise = self.rule.forecast().promise
        return Forecast(p_fail=self.p_fail, reasons=("said of every task",), promise=promise)


def alone(model: str) -> StagePlan:
    """Ten attempts of one model, then the vote."""
    return StagePlan(ladder=(model,), attempts=ATTEMPTS)


def swapped(k: int, above: float = 0.5, keep: int | None = None, weight: float = 1.0) -> StagePlan:
    """Ten attempts of small run to step k; if the forecast is above `above`, `keep` of them go on with large."""
    first = RungPlan(
        attempts=ATTEMPTS,
        batch=ATTEMPTS,
        look=(k,),
        swap_above=above,
        then="resume",
        keep=keep,
        weight=weight,
        after="answer",
    )
    return StagePlan(
        ladder=(SMALL, LARGE), attempts=ATTEMPTS, policy="climb", climb=(first, RungPlan(attempts=ATTEMPTS))
    )


def forked(k: int, forks: int) -> StagePlan:
    """Ten attempts of small run to step k; the most promising one goes on as `forks` futures of large."""
    first = RungPlan(
        attempts=ATTEMPTS,
        batch=ATTEMPTS,
        look=(k,),
        then="fork",
        forks=forks,
        order="forecast",
        after="answer",
    )
    return StagePlan(
        ladder=(SMALL, LARGE), attempts=ATTEMPTS, policy="climb", climb=(first, RungPlan(attempts=ATTEMPTS))
    )


def run_name(bug: str, arm: str) -> str:
    return f"live-{bug}-{arm}".replace(":", "-").replace("@", "-")


@dataclass(frozen=True, slots=True)
class Field:
    """Where runs happen."""

    world: World
    sandbox: Sandbox

    async def met(
        self, bug: Bug, covered: Covered, arm: str, stage: StagePlan, forecaster: Forecaster | None = None
    ) -> Report:
        """The report of one arm on one bug, from its journal if it has ended."""
        run = run_name(bug.name, arm)
        if not await self.world.journal.read(run, [RunStarted], below=False):
            options = JobOptions(
                repo=Path("/bugs") / bug.name, test=bug.test, stage=stage, budget_usd=BUDGET_USD, seed=SEED
            )
            await begin_covered(options, self.world, covered, run=run)
        return await go_on(run, self.world, forecaster)

    async def covered(self, folder: Path) -> Covered:
        """What the bug's failing test executes, measured once."""
        bug, scope = read_bug(folder), run_name(folder.name, "covered")
        known = await self.world.journal.read(scope, [LocatePrepared], below=False)
        if known:
            return known[0].event.covered
        with tempfile.TemporaryDirectory(prefix="parcae-live-") as name:
            repo = Path(name) / folder.name  # the task is called after the project's folder: each bug its own name
            await asyncio.to_thread(shutil.copytree, folder / REPO, repo)
            options = JobOptions(repo=repo, test=bug.test, stage=alone(SMALL))
            covered, notes = await looked_at(options, self.world, self.sandbox)
        await self.world.journal.append([LocatePrepared(scope=scope, covered=covered, notes=tuple(notes))])
        return covered

    async def meet(self, folder: Path, looks: Sequence[int], forks: Sequence[int] = ()) -> None:
        """Both models alone; at each of `looks` a swap of everything that is open, and at `forks` a fork into three.

        The verdict on small is noted.
        """
        bug, covered = read_bug(folder), await self.covered(folder)
        report = await self.met(bug, covered, "small", alone(SMALL))
        run = run_name(bug.name, "small")
        if not await self.world.journal.read(run, [OutcomeGiven], below=False):
            right = bool(report.suspects) and report.suspects[0].name == bug.culprit
            await self.world.journal.append([OutcomeGiven(scope=run, success=right, source="bug.json")])
        await self.met(bug, covered, "large", alone(LARGE))
        for k in looks:
            await self.met(bug, covered, f"swap@{k}", swapped(k), Certain(1.0))
        for k in forks:
            await self.met(bug, covered, f"fork@{k}", forked(k, 3), Certain(1.0))

    async def record(self, folder: Path, looks: Sequence[int], forks: Sequence[int] = ()) -> dict[str, Any]:
        """What the figures need of a bug: each arm's attempts as [what it named, what each step cost]."""
        bug, arms = read_bug(folder), {}
        for arm in ("small", "large", *(f"swap@{k}" for k in looks), *(f"fork@{k}" for k in forks)):
            found = await self.trajectories(bug.name, arm)
            arms[arm] = [[list(_answer(one)), [step.cost_usd for step in one.own]] for one in found]
        return {"bug": bug.name, "culprit": bug.culprit, "arms": arms}

    async def trajectories(self, bug: str, arm: str) -> list[Trajectory]:
        """The attempts of one run, as its journal tells them."""
        run = run_name(bug, arm)
        count = max(ATTEMPTS, len(await members(self.world.journal, run)))
        return [await rebuild(self.world.journal, f"{run}/attempt-{n}", run) for n in range(1, count + 1)]

    async def executed(self, bug: str) -> Covered:
        """What the runs of `bug` were given; older journals do not name candidates in the task itself."""
        return (await self.world.journal.read(run_name(bug, "small"), [LocatePrepared], below=False))[0].event.covered

    async def said(
        self, bug: str, forecasters: Mapping[str, Forecaster], looks: Sequence[int]
    ) -> dict[tuple[str, int], float]:
        """p_fail of small's attempts by forecaster and look, each from the steps until then alone."""
        attempts, said = await self.trajectories(bug, "small"), {}
        task = locate_task(await self.executed(bug))
        for name, forecaster in forecasters.items():
            for k in looks:
                watch = forecaster.watch(task, ATTEMPTS)
                for number, one in enumerate(attempts):
                    for step in one.steps[:k]:
                        watch.add(number, step)
                said[name, k] = watch.forecast().p_fail
        return said


def _answer(trajectory: Trajectory) -> tuple[str, ...]:
    return () if trajectory.ending is None else trajectory.ending.answer


def whole_bugs(folder: Path, *, growing: bool) -> list[Path]:
    """The bugs in `folder`; of one that grows not the last, which may still be under construction."""
    found = sorted(file.parent for file in folder.glob("*/bug.json"))
    return found[:-1] if growing else found


@dataclass(frozen=True, slots=True)
class Place:
    """Which bugs of a folder are met, [first, last), and where the record of each goes: one JSON object a line."""

    records: Path
    first: int = 0
    last: int = 1_000_000

    def read(self) -> list[dict[str, Any]]:
        lines = self.records.read_text().splitlines() if self.records.exists() else []
        return [json.loads(line) for line in lines]

    def add(self, record: dict[str, Any]) -> None:
        with self.records.open("a") as file:
            file.write(json.dumps(record) + "\n")


async def meet_all(
    bugs: Path,
    field: Field,
    looks: Sequence[int],
    forks: Sequence[int],
    *,
    place: Place,
    wait: bool,
    say: Callable[[str], None],
) -> None:
    """Meet the bugs at `place`; `wait`: for those that are still being built. Each adds a line to `place.records`."""
    done, known = place.first, {one["bug"] for one in place.read()}
    while done < place.last:
        folders = whole_bugs(bugs, growing=wait)[done : place.last]
        if not folders and not wait:
            break
        for folder in folders:
            if folder.name not in known:
                await field.meet(folder, looks, forks)
                place.add(await field.record(folder, looks, forks))
                say(f"{done + 1} {folder.name}")
            done += 1
        if not folders:
            await asyncio.sleep(5)
