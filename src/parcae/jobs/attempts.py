"""What jobs over several attempts have in common: run the group until it ends or is told to wind up, then read it back.

The report is made from the journal alone, so a live run, a resumed one and one of last week show the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from parcae.core.errors import CallerMistake, LimitReached
from parcae.core.events import Decided, Forecasted, RunEnded, RunStarted
from parcae.core.plan import StagePlan
from parcae.core.protocols import Journal, Model, ModelCard, Worker, Workspace
from parcae.core.scope import Scope
from parcae.core.task import Answer, Task
from parcae.core.trajectory import Ending, Trajectory
from parcae.jobs.options import JobOptions
from parcae.jobs.report import Attempt, Status
from parcae.jobs.world import World, until
from parcae.ledger.restore import restore
from parcae.sampling.group import Rank
from parcae.store.replay import members, rebuild
from parcae.tools.covered import Covered, beside
from parcae.tools.python_project import cover, run_suite, spectrum_of
from parcae.tools.sandbox import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A group as its journal tells it."""

    attempts: tuple[Attempt, ...]
    answer: Answer
    ending: Ending | None
    decided: tuple[Decided, ...]
    forecasted: tuple[Forecasted, ...]

    @property
    def status(self) -> Status:
        """How the run stands, as reports say it."""
        if self.ending is None:
            return "cancelled"
        if self.ending.reason == "limit" or (self.hit_limit and not self.answer.candidates):
            return "limit"
        if self.ending.reason == "answered":
            return "done"
        return "failed" if self.all_failed else "no_answer"

    @property
    def hit_limit(self) -> bool:
        """Whether an attempt ended because money, tokens, calls or seconds did."""
        return any(_reason(attempt) == "limit" for attempt in self.attempts)

    @property
    def all_failed(self) -> bool:
        """Whether no attempt ended in a way of its own."""
        return bool(self.attempts) and all(_reason(attempt) == "failed" for attempt in self.attempts)


def _reason(attempt: Attempt) -> str | None:
    return None if attempt.trajectory.ending is None else attempt.trajectory.ending.reason


async def looked_at(options: JobOptions, world: World, sandbox: Sandbox) -> tuple[Covered, list[str]]:
    """What the failing test executes and how many passing tests beside it do too, with notes; every model is opened.

    Raises:
        CallerMistake: the project, the test or a model's name is wrong, with the cure.
        SandboxFailed: the test cannot be contained here.
    """
    for name in options.stage.ladder:
        world.open_model(name)
    covered = await cover(
        options.repo, options.test, python=options.python, sandbox=sandbox, timeout_seconds=options.timeout_seconds
    )
    file = options.test.partition("::")[0]
    try:
        suite = await run_suite(
            options.repo, file, python=options.python, sandbox=sandbox, timeout_seconds=options.timeout_seconds
        )
    except (CallerMistake, LimitReached) as trouble:
        return covered, [f"the other tests of {file} were not looked at: {trouble}"]
    return beside(covered, spectrum_of(suite)), []


@asynccontextmanager
async def scope_of(
    run: str, options: JobOptions, world: World, workspace: Workspace | None = None
) -> AsyncIterator[Scope]:
    """The scope of `run` with what its journal leaves of its limits; what lies reserved ahead is free again after."""
    account = await restore(run, options.limits, world.journal)
    try:
        yield Scope(
            id=run,
            account=account,
            journal=world.journal,
            clock=world.clock,
            seed=options.seed,
            workspace=workspace,
            show=world.show,
            contested=options.stage.most_attempts > 1,
        )
    finally:
        await account.close()


async def run_group(worker: Worker, task: Task, *, model: Model, scope: Scope, world: World) -> None:
    """Let the group in `scope` go on from where its journal ends, until it ends or `world.stop` is set."""
    so_far = (await rebuild(scope.journal, scope.id, task.id)).steps
    if so_far and so_far[-1].ending is not None:
        return
    async for _ in until(world.stop, worker.attempt(task, model=model, so_far=so_far, scope=scope)):
        pass


async def outcome_of(journal: Journal, scope: str, task: Task, rank: Rank) -> Outcome:
    """Read the group in `scope` back."""
    names = sorted(await members(journal, scope), key=_number)
    attempts = [
        Attempt(name=name.rsplit("/", 1)[-1], trajectory=await rebuild(journal, name, task.id))
        for name in names
        if name.removeprefix(f"{scope}/").startswith("attempt-") and "/" not in name.removeprefix(f"{scope}/")
    ]
    group = await rebuild(journal, scope, task.id)
    ending = group.steps[-1].ending if group.steps else None
    return Outcome(
        attempts=tuple(attempts),
        answer=_as_decided(rank([attempt.trajectory for attempt in attempts]), ending),
        ending=ending,
        decided=tuple(one.event for one in await journal.read(scope, [Decided], below=False)),
        forecasted=tuple(one.event for one in await journal.read(scope, [Forecasted], below=False)),
    )


def _as_decided(answer: Answer, ending: Ending | None) -> Answer:
    """`answer` with its candidates in the order that the group decided on: its policy may weigh votes and prices."""
    decided = {name: place for place, name in enumerate(ending.answer if ending is not None else ())}
    ranked = sorted(answer.candidates, key=lambda one: decided.get(one.name, len(decided)))
    return replace(answer, candidates=tuple(ranked))


def _number(scope: str) -> tuple[str, int]:
    head, _, number = scope.rpartition("-")
    return head, int(number) if number.isdigit() else 0


async def ended(journal: Journal, run: str, outcome: Outcome) -> None:
    """Write down that the run is over, once."""
    if not await journal.read(run, [RunEnded], below=False):
        detail = outcome.ending.detail if outcome.ending is not None else ""
        event = RunEnded(scope=run, status=outcome.status, candidates=outcome.answer.candidates, detail=detail)
        await journal.append([event])


async def started(journal: Journal, run: str) -> RunStarted | None:
    """The event with which `run` began; None if the journal does not know it."""
    found = await journal.read(run, [RunStarted], below=False)
    return found[0].event if found else None


def cards_of(stage: StagePlan, models: Mapping[str, Model]) -> dict[str, ModelCard]:
    """The cards of the stage's ladder, by name."""
    return {models[name].card.name: models[name].card for name in stage.ladder}


def spent_by(trajectories: tuple[Trajectory, ...]) -> float | None:
    """US dollars of all steps; None if the price of one is unknown."""
    costs = [step.cost_usd for trajectory in trajectories for step in trajectory.own]
    return None if None in costs else sum(cost for cost in costs if cost is not None)
