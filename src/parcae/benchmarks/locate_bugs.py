"""`parcae locate` on many known bugs: each arm (cheap alone, strong alone, swapping) meets the same failing tests.

Every run lies in the journal under a name made from the bench's, so a bench goes on where it was interrupted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parcae.benchmarks.accuracy import among_first
from parcae.benchmarks.arms import arms_of, run_of
from parcae.benchmarks.bug import REPO, Bug, read_bug
from parcae.core.events import RunStarted
from parcae.core.plan import StagePlan
from parcae.core.protocols import Forecaster
from parcae.jobs.locate import begin_covered, go_on
from parcae.jobs.options import JobOptions
from parcae.jobs.report import Report
from parcae.jobs.world import World
from parcae.sampling.vote import vote
from parcae.tools.covered import Covered, beside
from parcae.tools.python_project import cover, run_suite, spectrum_of
from parcae.tools.sandbox import Sandbox

RANKS = (1, 3, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """One attempt as the bench needs it: what it named, and what it cost."""

    answer: tuple[str, ...]
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One arm on one bug. `hits[k]`: 1 if the culprit is among the first k of the vote; `p_fail` at the swap."""

    hits: Mapping[int, float]
    cost_usd: float | None
    swapped: bool
    p_fail: float | None
    attempts: tuple[Attempted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BugResult:
    """All arms on one bug, and two baselines that ask nobody: a random covered function, and Ochiai."""

    bug: str
    culprit: str
    functions: int
    random: Mapping[int, float]
    ochiai: Mapping[int, float]
    arms: Mapping[str, ArmResult]


async def locate_bugs(
    folders: Sequence[Path],
    stage: StagePlan,
    world: World,
    *,
    bench: str,
    seed: int,
    budget_usd: float | None,
    python: Path | None = None,
    sandbox: Sandbox,
    forecaster: Forecaster | None = None,
) -> AsyncIterator[BugResult]:
    """Meet every bug with every arm; yields a result a bug. Stops early when `world.stop` is set.

    `forecaster` watches every attempt; None: the one that needs no training.

    Raises:
        CallerMistake: a bug cannot be read, or its test does not fail as it should.
        SandboxFailed: tests cannot be contained here.
    """
    for folder in folders:
        if world.stop.is_set():
            return
        bug = read_bug(folder)
        repo = (folder / REPO).resolve()
        suite = await run_suite(repo, bug.test.partition("::")[0], python=python, sandbox=sandbox)
        covered = beside(await cover(repo, bug.test, python=python, sandbox=sandbox), spectrum_of(suite))
        names = [function.name for function in covered.functions if not function.only_at_import]
        spectrum = spectrum_of(suite)
        suspicion = {name: spectrum.ochiai(name) for name in names}
        flat = dict.fromkeys(names, 0.0)
        arms = {}
        for arm, plan in arms_of(stage).items():
            options = JobOptions(repo=repo, test=bug.test, stage=plan, budget_usd=budget_usd, seed=seed)
            met = await _meet(run_of(bench, folder.name, arm), options, covered, world, bug, forecaster)
            if met is None:
                return
            arms[arm] = met
        yield BugResult(
            bug=bug.name,
            culprit=bug.culprit,
            functions=len(names),
            random={k: among_first(flat, bug.culprit, k) for k in RANKS},
            ochiai={k: among_first(suspicion, bug.culprit, k) for k in RANKS},
            arms=arms,
        )


async def _meet(
    run: str, options: JobOptions, covered: Covered, world: World, bug: Bug, forecaster: Forecaster | None
) -> ArmResult | None:
    """What came of one arm; None if it was interrupted."""
    if not await world.journal.read(run, [RunStarted], below=False):
        await begin_covered(options, world, covered, run=run)
    report = await go_on(run, world, forecaster)
    return None if report.status == "cancelled" else _judged(report, bug)


def _judged(report: Report, bug: Bug) -> ArmResult:
    ranked = [suspect.name for suspect in report.suspects]
    steps = [attempt.trajectory for attempt in report.attempts]
    costs = [[step.cost_usd for step in one.own] for one in steps]
    return ArmResult(
        hits={k: float(bug.culprit in ranked[:k]) for k in RANKS},
        cost_usd=report.cost_usd,
        swapped=bool(report.swaps),
        p_fail=report.swaps[0].p_fail if report.swaps else None,
        attempts=tuple(
            Attempted(
                answer=one.ending.answer if one.ending is not None else (),
                cost_usd=None if None in own else sum(cost for cost in own if cost is not None),
            )
            for one, own in zip(steps, costs, strict=True)
        ),
    )


def fewer(arm: ArmResult, attempts: int, culprit: str) -> tuple[float, float]:
    """(chance that the culprit wins the vote, dollars) of only `attempts` of the arm's attempts, over all windows.

    A window is a run of neighbours, so that each attempt counts equally often and no subset is favoured.
    """
    made = arm.attempts
    windows = [[made[(first + place) % len(made)] for place in range(attempts)] for first in range(len(made))]
    hits = []
    for window in windows:
        candidates = vote([one.answer for one in window]).candidates
        hits.append(float(bool(candidates) and candidates[0].name == culprit))
    costs = [sum(one.cost_usd or 0.0 for one in window) for window in windows]
    return sum(hits) / len(hits), sum(costs) / len(costs)
