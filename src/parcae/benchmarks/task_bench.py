"""`parcae bench run`: every item with every arm, graded by what no agent saw; then pass@k, maj@k and dollars.

Runs and verdicts lie in the journal under names made from the bench's, so a bench goes on where it was interrupted and
pays nothing twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import comb
from pathlib import Path
from typing import ClassVar

from parcae.agents.loop import Agent
from parcae.agents.role import Role
from parcae.benchmarks.accuracy import Interval, interval, interval_of
from parcae.benchmarks.arms import verdicts_by_arm
from parcae.benchmarks.graders import Grader, read_answer, same_answer
from parcae.benchmarks.items import Item, Kind
from parcae.core.errors import CallerMistake
from parcae.core.events import RunStarted
from parcae.core.plan import StagePlan
from parcae.core.protocols import Forecaster
from parcae.core.task import Answer, Task
from parcae.core.trajectory import Trajectory
from parcae.hotswap.supervisor import supervise
from parcae.jobs.attempts import Outcome, ended, outcome_of, run_group, scope_of, spent_by
from parcae.jobs.options import JobOptions, as_text
from parcae.jobs.world import World
from parcae.prediction.rule import RuleForecaster
from parcae.sampling.group import Rank
from parcae.sampling.vote import vote

KS = (1, 2, 5, 10, 20, 50, 100)
MOST_TOKENS = 2048
_SYSTEM = {
    "code": "You write Python. Answer with one complete program in a ```python block: all imports and definitions.",
    "text": "You solve problems step by step. End with the final answer alone in \\boxed{}.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemJudged:
    """What the grader says of one arm's run at one item: of each attempt that ended, and of the winner of the vote.

    `failed`: attempts that the outside world ended; they count as unsolved. `cost_usd` None: no price is known.
    """

    kind: ClassVar[str] = "item.judged/1"
    scope: str
    solved: tuple[bool, ...]
    voted: bool
    failed: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskBench:
    """What all runs of one bench have in common."""

    name: str
    kind: Kind
    file: Path
    stage: StagePlan
    seed: int
    budget_usd: float | None
    grader: Grader
    forecaster: Forecaster = field(default_factory=RuleForecaster)


def open_ladder(bench: TaskBench, world: World) -> None:
    """Open every model of the bench, before anything is run or paid.

    Raises:
        CallerMistake: a model cannot be used for this.
    """
    for name in bench.stage.ladder:
        if name.startswith("builtin:"):
            raise CallerMistake(f"{name} has no skill for {bench.kind} items", "name language models with --models")
        world.open_model(name)


async def bad_items(items: Sequence[Item], grader: Grader) -> dict[str, str]:
    """The items that their own solutions do not solve here, with the reason: no model could solve them either."""
    verdicts = {item.name: await grader.grade(item, item.expected) for item in items}
    return {name: verdict.why for name, verdict in verdicts.items() if not verdict.solved}


def run_items(items: Sequence[Item], bench: TaskBench, world: World) -> AsyncIterator[Mapping[str, ItemJudged]]:
    """Meet every item with every arm; yields a verdict an arm. Stops early when `world.stop` is set.

    Raises:
        CallerMistake: a model cannot be used for this.
        SandboxFailed: code cannot be contained here.
    """
    open_ladder(bench, world)

    async def meet(run: str, item: Item, plan: StagePlan) -> ItemJudged | None:
        return await _meet(run, item, plan, bench, world)

    return verdicts_by_arm(items, bench.stage, world, bench=bench.name, verdict=ItemJudged, meet=meet)


async def _meet(run: str, item: Item, plan: StagePlan, bench: TaskBench, world: World) -> ItemJudged | None:
    """Attempt, grade, and write the verdict down; None if the run was interrupted."""
    options = JobOptions(repo=bench.file, test=item.name, stage=plan, budget_usd=bench.budget_usd, seed=bench.seed)
    task = Task(id=item.name, kind=bench.kind, question=item.question)
    if not await world.journal.read(run, [RunStarted], below=False):
        begun = RunStarted(scope=run, command="bench run", task=task, seed=bench.seed, options=as_text(options))
        await world.journal.append([begun])
    models = {name: world.open_model(name) for name in plan.ladder}
    rank = _rank(item)
    group = supervise(Agent(_solver(item, plan)), plan, models, bench.forecaster, rank=rank)
    async with scope_of(run, options, world) as scope:
        await run_group(group, task, model=group.ladder[0], scope=scope, world=world)
    outcome = await outcome_of(world.journal, run, task, rank)
    if outcome.ending is None:
        return None
    judged = await _judged(run, item, outcome, bench.grader)
    await ended(world.journal, run, outcome)
    await world.journal.append([judged])
    return judged


def _solver(item: Item, plan: StagePlan) -> Role:
    return Role(
        name="solver",
        system=_SYSTEM["text" if item.tests is None else "code"],
        opening=lambda task, scope: task.question,
        max_steps=1,
        read_answer=lambda text: read_answer(item, text),
        max_tokens=MOST_TOKENS,
        temperature=plan.temperature,
    )


def _rank(item: Item) -> Rank:
    """The vote, in which equivalent answers stand together under the form that was given first."""

    def rank(trajectories: Sequence[Trajectory]) -> Answer:
        forms: list[str] = []
        answers = []
        for ending in (one.ending for one in trajectories):
            if ending is None or ending.reason in ("stopped", "cancelled"):
                continue
            given = ending.answer[:1]
            form = next((form for form in forms if given and same_answer(item, form, given[0])), None)
            if given and form is None:
                forms.append(given[0])
            answers.append(given if form is None else (form,))
        return vote(answers)

    return rank


async def _judged(run: str, item: Item, outcome: Outcome, grader: Grader) -> ItemJudged:
    known: dict[str, bool] = {}
    solved, failed = [], 0
    for ending in (attempt.trajectory.ending for attempt in outcome.attempts):
        if ending is None or ending.reason in ("stopped", "cancelled"):
            continue
        failed += ending.reason == "failed"
        for answer in ending.answer[:1]:
            if answer not in known:
                known[answer] = (await grader.grade(item, answer)).solved
        solved.append(bool(ending.answer) and known[ending.answer[0]])
    winner = outcome.answer.candidates[:1]
    return ItemJudged(
        scope=run,
        solved=tuple(solved),
        voted=bool(winner) and known.get(winner[0].name, False),
        failed=failed,
        cost_usd=spent_by(tuple(attempt.trajectory for attempt in outcome.attempts)),
    )


def pass_at(k: int, solved: Sequence[bool]) -> float:
    """The chance that one of k attempts drawn from those made solves the item: 1 - C(n - c, k) / C(n, k).

    Unbiased for the chance of k fresh attempts. Source: Chen et al. 2021 (arXiv:2107.03374), eq. 1.

    Raises:
        ValueError: fewer than k attempts were made.
    """
    if not 1 <= k <= len(solved):
        raise ValueError(f"k is {k}, but {len(solved)} attempts were made")
    return 1.0 - comb(len(solved) - sum(solved), k) / comb(len(solved), k)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One arm. `pass_at` holds each k that every item has attempts for; `majority` is maj@`attempts`, the vote's share.

    `attempts` is the mean number an item. `one_usd` is the mean cost of one attempt. `usd_per_solved` None: no price
    is known, or the vote solved nothing.
    """

    name: str
    pass_at: Mapping[str, Interval]
    majority: Interval
    attempts: float
    failed: int
    cost_usd: float | None
    one_usd: float | None
    usd_per_solved: Interval | None


def task_table(results: Sequence[Mapping[str, ItemJudged]], *, kind: Kind, seed: int) -> dict[str, object]:
    """The figures as plain JSON values; intervals resample items, differences are paired by item."""
    rows = [_row(arm, [one[arm] for one in results], seed) for arm in results[0]]
    first, *others = results[0]
    differences = {
        f"{arm} - {first}": interval([one[arm].voted - one[first].voted for one in results], seed=seed)
        for arm in others
    }
    return {
        "schema": "parcae.bench.run/1",
        "kind": kind,
        "items": len(results),
        "rows": [asdict(row) for row in rows],
        "differences": {name: asdict(one) for name, one in differences.items()},
    }


def _row(arm: str, own: Sequence[ItemJudged], seed: int) -> TaskRow:
    fewest, made = min(len(one.solved) for one in own), sum(len(one.solved) for one in own)
    costs = [one.cost_usd for one in own if one.cost_usd is not None]
    cost_usd = sum(costs) if len(costs) == len(own) else None
    voted = [float(one.voted) for one in own]
    per_solved = None
    if cost_usd is not None and any(voted):
        columns = {"usd": costs, "solved": voted}
        per_solved = interval_of(columns, lambda means: means["usd"] / (means["solved"] or float("nan")), seed=seed)
    return TaskRow(
        name=arm,
        pass_at={str(k): interval([pass_at(k, one.solved) for one in own], seed=seed) for k in KS if k <= fewest},
        majority=interval(voted, seed=seed),
        attempts=made / len(own),
        failed=sum(one.failed for one in own),
        cost_usd=cost_usd,
        one_usd=None if cost_usd is None or not made else cost_usd / made,
        usd_per_solved=per_solved,
    )
