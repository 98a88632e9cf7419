"""Groups of attempts: one agent's attempts, a group of groups, swaps, forks, the outbox."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic_ai.messages import ModelResponse
from tests.agents.echo import TASK, Thinker, role
from tests.agents.test_loop import sender

from parcae.agents.loop import Agent
from parcae.core.errors import CallerMistake
from parcae.core.events import AttemptStarted, Decided
from parcae.core.plan import StagePlan
from parcae.core.protocols import Decision, Model, Request, Standing, Worker
from parcae.core.scope import Scope
from parcae.core.task import Answer, Candidate, Task
from parcae.core.trajectory import Step, cost_of
from parcae.hotswap.policies import Never, Parallel, parse_policy
from parcae.hotswap.supervisor import supervise
from parcae.models.scripted import ScriptedModel, call, say
from parcae.prediction.rule import RuleForecaster
from parcae.sampling.fork import fork
from parcae.sampling.group import Group
from parcae.sampling.outbox import release
from parcae.store.memory import MemoryJournal
from parcae.store.replay import rebuild
from parcae.testing.workers import RUN, WorkerContract, scope_in, shown


class Impatient(Parallel):
    """Swaps at step k whatever is forecast, so that every crash point of a swap is tried."""

    def decide(self, standing: Standing) -> Decision:
        if not all(standing.ended) and max(standing.rungs) == 0:
            return Decision(action="swap", rung=1, why="always")
        return Decision(action="carry_on")


class TestGroup(WorkerContract):
    """Three attempts that are swapped at step 2."""

    def worker(self) -> Worker:
        ladder: tuple[Model, ...] = (Thinker("cheap"), Thinker("strong"))
        return Group(
            worker=Agent(role()), ladder=ladder, attempts=3, policy=Impatient(k=2), forecaster=RuleForecaster()
        )

    def task(self) -> Task:
        return TASK

    def model(self) -> Model:
        return Thinker("cheap")

    def other_model(self) -> Model:
        return Thinker("strong")


class TestGroupOfGroups(TestGroup):
    """Two groups of three attempts each."""

    most_appends = 600

    def worker(self) -> Worker:
        ladder: tuple[Model, ...] = (Thinker("cheap"), Thinker("strong"))
        return Group(worker=super().worker(), ladder=ladder, attempts=2, policy=Never(), forecaster=RuleForecaster())


class Forking(Parallel):
    """Forks one attempt of two at step k into three futures, whatever is forecast."""

    def decide(self, standing: Standing) -> Decision:
        if not all(standing.ended) and max(standing.rungs) == 0:
            return Decision(action="fork", rung=1, attempts=1, chosen=(1, 0), forks=3, why="always")
        return Decision(action="carry_on")


class TestForkingGroup(TestGroup):
    """Two attempts, of which the second is forked at step 2: at any crash the forks are what they would have been."""

    def worker(self) -> Worker:
        ladder: tuple[Model, ...] = (Thinker("cheap"), Thinker("strong"))
        return Group(worker=Agent(role()), ladder=ladder, attempts=2, policy=Forking(k=2), forecaster=RuleForecaster())


async def steps_of(group: Worker, scope_usd: float = 100.0) -> tuple[MemoryJournal, list[object]]:
    journal = MemoryJournal()
    scope = await scope_in(journal, usd=scope_usd)
    return journal, [step async for step in group.attempt(TASK, model=Thinker("cheap"), scope=scope)]


async def test_two_of_three_attempts_decide_the_vote() -> None:
    stage = StagePlan(ladder=("cheap",), attempts=3)
    group = supervise(Agent(role()), stage, {"cheap": Thinker("cheap")}, RuleForecaster())
    _, steps = await steps_of(group)
    assert steps[-1].ending.answer == ("dddd", "ccc")  # type: ignore[attr-defined]


async def test_a_swap_hands_the_whole_conversation_to_the_next_model() -> None:
    strong = Thinker("strong")
    group = Group(
        worker=Agent(role()),
        ladder=(Thinker("cheap"), strong),
        attempts=2,
        policy=Impatient(k=2),
        forecaster=RuleForecaster(),
    )
    journal, _ = await steps_of(group)
    attempt = await rebuild(journal, f"{RUN}/attempt-1", TASK.id)
    assert [step.model for step in attempt.steps[:3]] == ["harness", "cheap", "strong"]
    assert len(strong.seen[0]) == 5
    rungs = [
        (one.event.scope, one.event.rung, one.event.after_steps) for one in await journal.read(RUN, [AttemptStarted])
    ]
    assert rungs[-2:] == [(f"{RUN}/attempt-1", 1, 2), (f"{RUN}/attempt-2", 1, 2)]


async def test_only_so_many_attempts_go_on_after_a_swap_as_the_plan_says() -> None:
    stage = StagePlan(ladder=("cheap", "strong"), attempts=3, policy="parallel@2", swap_attempts=1)
    models = {name: Thinker(name) for name in stage.ladder}
    group = supervise(Agent(role()), stage, models, RuleForecaster(), policy=Impatient(k=2))
    journal, _ = await steps_of(group)
    decided = [one.event for one in await journal.read(RUN, [Decided])]
    assert decided[0].attempts == (0,)
    ended = await rebuild(journal, f"{RUN}/attempt-3", TASK.id)
    assert ended.ending is not None
    assert ended.ending.reason == "stopped"


async def test_sequential_starts_the_rest_on_the_stronger_model_when_the_first_look_lost() -> None:
    lost = ScriptedModel("cheap", [say("?"), say("")])
    stage = StagePlan(ladder=("cheap", "strong"), attempts=3, policy="sequential@1")
    group = supervise(Agent(role()), stage, {"cheap": lost, "strong": Thinker("strong")}, RuleForecaster())
    journal = MemoryJournal()
    async for _ in group.attempt(TASK, model=lost, scope=await scope_in(journal)):
        pass
    models = {one.event.scope: one.event.model for one in await journal.read(RUN, [AttemptStarted])}
    assert list(models.values()) == ["cheap", "strong", "strong"]


async def test_outcomes_that_cannot_be_compared_need_a_check_or_one_attempt() -> None:
    group = Group(worker=Agent(role()), ladder=(Thinker(),), attempts=2, policy=Never(), forecaster=RuleForecaster())
    with pytest.raises(CallerMistake, match="check"):
        scope = await scope_in(MemoryJournal())
        async for _ in group.attempt(replace(TASK, comparable=False), model=Thinker(), scope=scope):
            pass


async def test_what_the_winner_queued_is_done_once_and_the_others_is_not() -> None:
    sent: list[str] = []
    tool = sender(sent, waits=True)
    script = [call("send", text="hello"), say("."), say("dddd")]
    agent = Agent(role(tools=(tool,), first_call=None))

    async def let_out(scope: object) -> None:
        await release(scope, {"send": tool})  # type: ignore[arg-type]
        await release(scope, {"send": tool})  # type: ignore[arg-type]

    def next_line(request: Request) -> ModelResponse:
        return script[len(request.messages) // 2]

    model = ScriptedModel("m", iter(lambda: next_line, None))
    group = Group(
        worker=agent, ladder=(model,), attempts=2, policy=Never(), forecaster=RuleForecaster(), release=let_out
    )
    scope = await scope_in(MemoryJournal())
    async for _ in group.attempt(TASK, model=model, scope=scope):
        pass
    assert sent == ["hello"]


async def test_forks_share_the_prefix_and_go_their_own_ways() -> None:
    journal = MemoryJournal()
    scope = await scope_in(journal)
    agent, model = Agent(role()), Thinker()
    whole = [step async for step in agent.attempt(TASK, model=model, scope=scope)]
    trajectory = await rebuild(journal, RUN, TASK.id)
    children = await fork(trajectory, 2, 2, model=model, scope=scope)
    assert children[0].so_far is not None
    assert all(a is b for a, b in zip(children[0].so_far, children[1].so_far, strict=True))
    assert children[0].scope.seed != children[1].scope.seed
    spent = scope.account.spent.usd
    for child in children:
        rest = [step async for step in agent.attempt(TASK, model=model, so_far=child.so_far, scope=child.scope)]
        assert shown(rest) == shown(whole[2:])
        rebuilt = await rebuild(journal, child.scope.id, TASK.id)
        assert shown(rebuilt.steps) == shown(whole)
    assert scope.account.spent.usd >= spent


async def test_a_policy_that_stops_leaves_the_answers_that_are_there() -> None:
    lost = ScriptedModel("cheap", iter(lambda: call("nothing"), None))
    stage = StagePlan(ladder=("cheap",), attempts=2, policy="stop@3")
    group = supervise(Agent(role()), stage, {"cheap": lost}, RuleForecaster())
    journal = MemoryJournal()
    scope = await scope_in(journal)
    steps = [step async for step in group.attempt(TASK, model=lost, scope=scope)]
    assert steps[-1].ending is not None
    assert steps[-1].ending.reason == "no_answer"
    first = await rebuild(journal, f"{RUN}/attempt-1", TASK.id)
    assert len(first.steps) == 3
    assert isinstance(parse_policy("stop@3"), type(group.policy))


async def forked(worker: Worker | None = None) -> tuple[MemoryJournal, list[Step], Scope]:
    """Two attempts on "cheap", of which the second goes on as three futures on "strong"."""
    models: tuple[Model, ...] = (Thinker("cheap"), Thinker("strong"))
    policy, journal = Forking(k=2), MemoryJournal()
    group = Group(worker=worker or Agent(role()), ladder=models, attempts=2, policy=policy, forecaster=RuleForecaster())
    scope = await scope_in(journal)
    return journal, [step async for step in group.attempt(TASK, model=models[0], scope=scope)], scope


async def test_a_fork_goes_on_as_several_futures_that_share_what_was_paid() -> None:
    journal, steps, scope = await forked()
    futures = [await rebuild(journal, f"{RUN}/attempt-{n}", TASK.id) for n in (2, 3, 4)]
    assert [[step.model for step in one.steps[:3]] for one in futures] == [["harness", "cheap", "strong"]] * 3
    assert [one.shared for one in futures] == [0, 2, 2]
    assert all(shown(one.steps[:2]) == shown(futures[0].steps[:2]) for one in futures)
    stopped = await rebuild(journal, f"{RUN}/attempt-1", TASK.id)
    assert stopped.ending is not None and stopped.ending.reason == "stopped"
    begun = [one.event for one in await journal.read(RUN, [AttemptStarted]) if one.event.forked_from]
    assert [(one.scope, one.forked_from, one.after_steps) for one in begun] == [
        (f"{RUN}/attempt-3", f"{RUN}/attempt-2", 2),
        (f"{RUN}/attempt-4", f"{RUN}/attempt-2", 2),
    ]
    paid = [cost_of(one.own) or 0.0 for one in (stopped, *futures)]
    assert scope.account.spent.usd == pytest.approx(sum(paid))
    assert steps[-1].ending is not None and steps[-1].ending.reason == "answered"


async def test_the_votes_of_all_futures_count() -> None:
    _, steps, _ = await forked()
    assert steps[-1].ending is not None
    assert steps[-1].ending.answer == ("ccc",)  # the prefix was asked as attempt 2, so all three say what it says


async def test_a_group_of_groups_cannot_be_forked_and_says_so() -> None:
    inner = Group(
        worker=Agent(role()), ladder=(Thinker("cheap"),), attempts=2, policy=Slow(), forecaster=RuleForecaster()
    )
    with pytest.raises(CallerMistake, match="cannot go on from a fork"):
        await forked(inner)


class Slow(Never):
    """Looks after every step, so that a group makes many outer steps."""

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        return tuple(steps + 1 for steps in standing.steps)

    def decide(self, standing: Standing) -> Decision:
        return Decision(action="carry_on")


async def test_what_was_queued_before_a_fork_is_done_once_if_a_future_wins() -> None:
    sent: list[str] = []
    tool = sender(sent, waits=True)
    script = [call("send", text="before"), call("send", text="after"), say("."), say("dddd")]
    agent = Agent(role(tools=(tool,), first_call=None))

    def next_line(request: Request) -> ModelResponse:
        return script[len(request.messages) // 2]

    async def let_out(scope: object) -> None:
        await release(scope, {"send": tool})  # type: ignore[arg-type]
        await release(scope, {"send": tool})  # type: ignore[arg-type]

    class OnlyAFork(Forking):
        """Ranks the answer of the first fork first."""

        def answer(self, standing: Standing) -> Answer:
            return Answer(candidates=(Candidate(name="dddd", score=1.0),), attempts=1)

        def decide(self, standing: Standing) -> Decision:
            made = super().decide(standing)
            return replace(made, chosen=(1, 0)) if made.action == "fork" else made

    models = tuple(ScriptedModel(name, iter(lambda: next_line, None)) for name in ("cheap", "strong"))
    group = Group(
        worker=agent,
        ladder=models,
        attempts=2,
        policy=OnlyAFork(k=1),
        forecaster=RuleForecaster(),
        release=let_out,
    )
    scope = await scope_in(MemoryJournal())
    async for _ in group.attempt(TASK, model=models[0], scope=scope):
        pass
    child = await rebuild(scope.journal, f"{RUN}/attempt-3", TASK.id)
    assert child.shared == 1
    assert sent == ["before", "after"]  # of the winner, attempt 2
    await release(replace(scope.child("attempt-3")), {"send": tool})
    assert sent == ["before", "after", "after"]  # what the fork shares was done already; its own was not
