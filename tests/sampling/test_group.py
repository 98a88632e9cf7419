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
from parcae.core.task import Task
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
