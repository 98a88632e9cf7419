"""The job of `parcae locate`: which function is behind a failing test? From options to a report, or back from a crash.

What the test executed is journalled once, so that a resumed run needs neither the project nor the sandbox again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from parcae.agents.fault_localization import locate_task, locator
from parcae.agents.loop import Agent
from parcae.agents.role import Role
from parcae.core.errors import CallerMistake
from parcae.core.events import RunEnded, RunStarted
from parcae.core.plan import StagePlan
from parcae.core.protocols import Forecaster, Model
from parcae.core.scope import Scope
from parcae.core.task import Answer, Task
from parcae.core.trajectory import Trajectory, cost_of
from parcae.graphs.nodes import calls_of, exact_node
from parcae.hotswap.supervisor import supervise
from parcae.jobs.attempts import Outcome, cards_of, ended, looked_at, outcome_of, run_group, scope_of
from parcae.jobs.options import JobOptions, as_text, from_text
from parcae.jobs.report import Baseline, Report, Suspect, costs_by_model, estimated_baseline, swaps_of
from parcae.jobs.world import World
from parcae.prediction.rule import RuleForecaster
from parcae.sampling.group import Group, Rank
from parcae.sampling.vote import vote
from parcae.tools.covered import Covered
from parcae.tools.sandbox import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatePrepared:
    """What the failing test executed: all that the attempts may look at."""

    kind: ClassVar[str] = "locate.prepared/1"
    scope: str
    covered: Covered
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A run that is ready to go on."""

    run: str
    options: JobOptions
    task: Task
    role: Role
    covered: Covered
    notes: tuple[str, ...]
    models: Mapping[str, Model]

    @property
    def rank(self) -> Rank:
        return autofl_rank(self.covered)


async def begin(options: JobOptions, world: World, *, run: str, sandbox: Sandbox, notes: Sequence[str] = ()) -> None:
    """Run the failing test, see what it executes, and write the run's beginning; nothing is written before that.

    Raises:
        CallerMistake: the project, the test or a model's name is wrong, with the cure.
        SandboxFailed: the test cannot be contained here.
    """
    covered, said = await looked_at(options, world, sandbox)
    await begin_covered(options, world, covered, run=run, notes=[*notes, *said])


async def begin_covered(
    options: JobOptions, world: World, covered: Covered, *, run: str, notes: Sequence[str] = ()
) -> None:
    """Write the beginning of a run whose failing test was run before."""
    task = locate_task(covered)
    started = RunStarted(scope=run, command="locate", task=task, seed=options.seed, options=as_text(options))
    prepared = LocatePrepared(scope=run, covered=covered, notes=tuple(notes))
    await world.journal.append([started, prepared])


async def go_on(run: str, world: World, forecaster: Forecaster | None = None) -> Report:
    """Let `run` go on from where its journal ends, and report; a run that has ended is only reported.

    Raises:
        CallerMistake: there is no such run.
    """
    job = await _read(run, world)
    if await world.journal.read(run, [RunEnded], below=False):
        return await report_of(run, world)
    async with scope_of(run, job.options, world) as scope:
        await _run_groups(job, scope, world, forecaster)
    outcome = await outcome_of(world.journal, run, job.task, job.rank)
    if outcome.ending is not None:
        await ended(world.journal, run, outcome)
    return await report_of(run, world)


async def _run_groups(job: _Job, scope: Scope, world: World, forecaster: Forecaster | None) -> None:
    group = _group(job, job.options.stage, forecaster)
    await run_group(group, job.task, model=group.ladder[0], scope=scope, world=world)
    if job.options.compare_strong and not world.stop.is_set():
        strong = _group(job, job.options.stage.alone(-1), forecaster)
        await run_group(strong, job.task, model=strong.ladder[0], scope=scope.child("strong"), world=world)


async def report_of(run: str, world: World) -> Report:
    """The report of `run` as its journal stands now."""
    job = await _read(run, world)
    outcome = await outcome_of(world.journal, run, job.task, job.rank)
    cards = cards_of(job.options.stage, job.models)
    trajectories = [attempt.trajectory for attempt in outcome.attempts]
    strong = await outcome_of(world.journal, f"{run}/strong", job.task, job.rank)
    cost_usd = cost_of([step for one in trajectories for step in one.own])
    suspects = _suspects(outcome.answer, job.covered)
    return Report(
        run=run,
        kind="locate",
        title=f"{job.covered.repo.name} {job.covered.test}",
        question=job.task.question,
        status=outcome.status,
        suspects=suspects,
        confidence=suspects[0].score if suspects else 0.0,
        cost_usd=cost_usd,
        by_model=costs_by_model(outcome.attempts, cards),
        swaps=swaps_of(outcome.decided, outcome.forecasted, job.options.stage.ladder),
        forecasts=outcome.forecasted,
        decisions=outcome.decided,
        baseline=_baseline(job, outcome, strong),
        attempts=outcome.attempts,
        notes=(*job.notes, *_money_notes(outcome)),
    )


def autofl_rank(covered: Covered) -> Rank:
    """AutoFL's vote; ties go to what more failing tests cover, then to what attempts looked at more often."""
    failing = {function.name: float(function.failing_tests) for function in covered.functions}

    def rank(trajectories: Sequence[Trajectory]) -> Answer:
        looked: Counter[str] = Counter(
            exact_node(call).argument for one in trajectories for step in one.steps for call in calls_of(step)
        )
        endings = [one.ending for one in trajectories if one.ending is not None]
        answers = [ending.answer for ending in endings if ending.reason not in ("stopped", "cancelled")]
        return vote(answers, prefer=lambda name: (failing.get(name, 0.0), float(looked[name.lower()])))

    return rank


async def _read(run: str, world: World) -> _Job:
    started = await world.journal.read(run, [RunStarted], below=False)
    prepared = await world.journal.read(run, [LocatePrepared], below=False)
    if not started or not prepared:
        raise CallerMistake(f"there is no run {run!r} of `parcae locate`", "see `parcae runs list`")
    options, covered = from_text(started[0].event.options), prepared[0].event.covered
    return _Job(
        run=run,
        options=options,
        task=started[0].event.task,
        role=_planned(locator(covered), options.stage),
        covered=covered,
        notes=prepared[0].event.notes,
        models={name: world.open_model(name) for name in options.stage.ladder},
    )


def _planned(role: Role, stage: StagePlan) -> Role:
    return replace(role, temperature=stage.temperature, max_steps=stage.max_steps or role.max_steps)


def _group(job: _Job, stage: StagePlan, forecaster: Forecaster | None) -> Group:
    return supervise(Agent(job.role), stage, job.models, forecaster or RuleForecaster(), rank=job.rank)


def _suspects(answer: Answer, covered: Covered) -> tuple[Suspect, ...]:
    functions = {function.name: function for function in covered.functions}
    found = [(candidate, functions.get(candidate.name)) for candidate in answer.candidates]
    return tuple(
        Suspect(
            name=candidate.name,
            score=candidate.score,
            file=None if function is None else function.file,
            line=None if function is None else function.line,
        )
        for candidate, function in found
    )


def _baseline(job: _Job, outcome: Outcome, strong: Outcome) -> Baseline:
    card = job.models[job.options.stage.ladder[-1]].card
    if strong.ending is None:
        return estimated_baseline(outcome.attempts, card, cards_of(job.options.stage, job.models))
    steps = [step for attempt in strong.attempts for step in attempt.trajectory.own]
    answer = _suspects(strong.answer, job.covered)
    return Baseline(model=card.name, cost_usd=cost_of(steps), estimated=False, answer=answer)


def _money_notes(outcome: Outcome) -> tuple[str, ...]:
    return ("A limit was reached: some attempts ended before they could finish.",) if outcome.hit_limit else ()
