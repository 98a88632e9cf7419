"""Outside effects happen once, whatever plan begins the attempts (contract 5)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import ModelResponse
from tests.agents.echo import TASK, Thinker, role
from tests.agents.test_loop import sender

from parcae.agents.loop import Agent
from parcae.core.errors import CallerMistake
from parcae.core.events import AttemptStarted
from parcae.core.plan import StagePlan
from parcae.core.plan_rungs import RungPlan, refuse_impossible_climb
from parcae.core.protocols import Decision, Forecast, Request, Standing, Watch
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.hotswap.policies import Never
from parcae.hotswap.supervisor import supervise
from parcae.models.scripted import ScriptedModel, call, say
from parcae.sampling.group import Group
from parcae.store.memory import MemoryJournal
from parcae.testing.workers import RUN, scope_in


@dataclass(frozen=True)
class Says:
    """Forecasts what the test draws, look after look."""

    p_fails: Sequence[float]

    def watch(self, task: Task, samples: int) -> Watch:
        return _Saying(list(self.p_fails))


class _Saying:
    def __init__(self, p_fails: list[float]) -> None:
        self.p_fails = p_fails

    def add(self, attempt: int, step: Step) -> None:
        pass

    def forecast(self) -> Forecast:
        return Forecast(p_fail=self.p_fails.pop(0) if len(self.p_fails) > 1 else self.p_fails[0])


SCRIPT = [call("send", text="hello"), call("look_up", word="bb"), say("."), say("dddd")]


def next_line(request: Request) -> ModelResponse:
    return SCRIPT[min(len(request.messages) // 2, len(SCRIPT) - 1)]


async def sent_and_begun(stage: StagePlan, p_fails: Sequence[float]) -> tuple[list[str], int]:
    """What was sent while `stage` made its attempts, each of which sends one letter first, and how many there were."""
    sent: list[str] = []
    agent = Agent(role(tools=(sender(sent, waits=True),), first_call=None))
    models = {name: ScriptedModel(name, iter(lambda: next_line, None)) for name in stage.ladder}
    scope = replace(await scope_in(MemoryJournal()), grants=frozenset({"send"}))
    async for _ in supervise(agent, stage, models, Says(p_fails)).attempt(
        TASK, model=models[stage.ladder[0]], scope=scope
    ):
        pass
    begun = {one.event.scope for one in await scope.journal.read(RUN, [AttemptStarted])}
    return sent, len(begun)


def possible(rungs: Sequence[RungPlan]) -> bool:
    try:
        refuse_impossible_climb(rungs, None, "")
    except CallerMistake:
        return False
    return True


rungs = st.builds(
    RungPlan,
    attempts=st.integers(1, 3),
    batch=st.integers(1, 3),
    look=st.lists(st.integers(1, 3), max_size=2).map(sorted).map(tuple),
    then=st.sampled_from(["start", "resume", "fork"]),
    after=st.sampled_from([None, "climb", "answer"]),
    patience=st.none() | st.integers(1, 3),
)
climbs = st.lists(rungs, min_size=1, max_size=3).filter(possible).map(tuple)


@given(climbs, st.lists(st.sampled_from([0.1, 0.9]), min_size=1, max_size=6))
def test_no_plan_does_twice_what_acts_outside(climb: tuple[RungPlan, ...], p_fails: list[float]) -> None:
    stage = StagePlan(ladder=("a", "b", "c")[: len(climb)], policy="climb", climb=climb)
    sent, begun = asyncio.run(sent_and_begun(stage, p_fails))
    assert begun <= stage.most_attempts
    assert sent == (["hello"] if stage.most_attempts == 1 else [])


@pytest.mark.parametrize("later", [RungPlan(attempts=3, batch=3), RungPlan()])
async def test_a_lone_first_attempt_waits_too_if_a_later_rung_makes_others(later: RungPlan) -> None:
    stage = StagePlan(ladder=("a", "b"), policy="climb", climb=(RungPlan(), later))
    assert (await sent_and_begun(stage, [0.9]))[0] == []


async def test_one_attempt_that_only_changes_its_model_is_alone() -> None:
    climb = (RungPlan(look=(2,), then="resume", after="answer"), RungPlan(attempts=3))
    stage = StagePlan(ladder=("a", "b"), policy="climb", climb=climb)
    assert await sent_and_begun(stage, [0.9]) == (["hello"], 1)


async def test_attempts_of_later_rungs_need_a_check_where_no_vote_can_compare_them() -> None:
    stage = StagePlan(ladder=("a", "b"), policy="climb", climb=(RungPlan(), RungPlan()))
    models = {name: Thinker(name) for name in stage.ladder}
    group, scope = supervise(Agent(role()), stage, models, Says([0.9])), await scope_in(MemoryJournal())
    with pytest.raises(CallerMistake, match="plan one attempt"):
        async for _ in group.attempt(replace(TASK, comparable=False), model=models["a"], scope=scope):
            pass


class Another(Never):
    """Begins another attempt once the first has ended."""

    def decide(self, standing: Standing) -> Decision:
        return Decision(action="start", rung=0, attempts=1) if len(standing.steps) == 1 else Decision(action="finish")


async def test_a_policy_of_somebody_else_begins_no_second_attempt_where_one_was_planned() -> None:
    model, scope = Thinker(), await scope_in(MemoryJournal())
    group = Group(worker=Agent(role()), ladder=(model,), attempts=1, policy=Another(), forecaster=Says([0.9]))
    with pytest.raises(CallerMistake, match="plan two attempts or more"):
        async for _ in group.attempt(TASK, model=model, scope=scope):
            pass


async def test_an_attempt_that_is_resumed_on_its_own_model_goes_on_as_if_nobody_had_looked() -> None:
    climb = (RungPlan(look=(2,), then="resume", after="answer"), RungPlan())
    swapped = StagePlan(ladder=("a", "a"), policy="climb", climb=climb)
    seen = []
    for stage in (swapped, StagePlan(ladder=("a",))):
        model, scope = Thinker("a"), await scope_in(MemoryJournal())
        group = supervise(Agent(role()), stage, {"a": model}, Says([0.9]))
        steps = [step async for step in group.attempt(TASK, model=model, scope=scope)]
        seen.append((len(model.seen), scope.account.spent, steps[-1].ending))
    assert seen[0] == seen[1]
