"""The agent loop: what goes back to the model, what ends an attempt, and that no cut loses or repeats anything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from tests.agents.echo import FINAL, TASK, Thinker, role

from parcae.agents.loop import Agent
from parcae.core.errors import CallerMistake
from parcae.core.events import AttemptEnded, AttemptEquipped, CallStarted, Incident, OutboxQueued, StepReplied
from parcae.core.protocols import Model, ToolRefused, Worker
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.core.usage import Limits, Price
from parcae.ledger.account import open_account
from parcae.models.scripted import ScriptedModel, call, say, together
from parcae.store.memory import MemoryJournal
from parcae.store.replay import rebuild
from parcae.testing.clock import StillClock
from parcae.testing.workers import WorkerContract
from parcae.tools.function import function_tool


class TestAgent(WorkerContract):
    """A single agent keeps the contract of Workers."""

    def worker(self) -> Worker:
        return Agent(role())

    def task(self) -> Task:
        return TASK

    def model(self) -> Model:
        return Thinker()

    def other_model(self) -> Model:
        return Thinker("stronger")


async def a_scope(usd: float = 100.0, **changes: object) -> Scope:
    journal = MemoryJournal()
    account = open_account("run", Limits(usd=usd), journal)
    scope = Scope(id="run", account=account, journal=journal, clock=StillClock(), seed=1)
    return replace(scope, **changes)  # type: ignore[arg-type]  # fields of Scope


async def run(agent: Agent, model: Model, scope: Scope, so_far: tuple[Step, ...] = ()) -> list[Step]:
    return [step async for step in agent.attempt(TASK, model=model, so_far=so_far, scope=scope)]


def returned(model: ScriptedModel) -> list[str]:
    last = model.seen[-1][-1]
    assert isinstance(last, ModelRequest)
    return [str(part.content) for part in last.parts if isinstance(part, ToolReturnPart)]


async def test_the_harness_makes_the_first_call_and_the_final_question_is_a_step() -> None:
    model = ScriptedModel("m", [call("look_up", word="bb"), say("done"), say("dddd")])
    steps = await run(Agent(role()), model, await a_scope())
    assert [step.model for step in steps] == ["harness", "m", "m", "m"]
    assert steps[0].observations[0].content == "a: 1"
    assert steps[-1].asked == FINAL
    assert steps[-1].ending is not None
    assert steps[-1].ending.answer == ("dddd",)


async def test_a_new_attempt_is_journalled_with_its_tools_and_the_version_of_its_prompt() -> None:
    models = [ScriptedModel(name, [call("look_up", word="bb"), say("done"), say("dddd")]) for name in "ab"]
    known, changed = (await a_scope(), await a_scope())
    steps = await run(Agent(role()), models[0], known)
    resumed = Agent(role()).attempt(
        TASK, model=ScriptedModel("c", [say("done"), say("e")]), so_far=steps[:2], scope=known
    )
    assert [step.model async for step in resumed] == ["c", "c"]
    await run(Agent(replace(role(), system="Look again.")), models[1], changed)
    [told], [other] = [
        [one.event for one in await scope.journal.read("run", [AttemptEquipped])] for scope in (known, changed)
    ]
    assert told.tools == other.tools == tuple(sorted(tool.spec.name for tool in role().tools))
    assert told.prompt == role().version != other.prompt and len(told.prompt) == len(other.prompt) == 8


async def test_a_message_stays_the_same_object_from_call_to_call_so_that_it_is_mapped_once() -> None:
    model = ScriptedModel("m", [call("look_up", word="bb"), call("look_up", word="c"), say("done"), say("dddd")])
    await run(Agent(role()), model, await a_scope())
    for earlier, later in pairwise(model.seen):
        assert all(one is other for one, other in zip(earlier, later, strict=False))


async def test_what_the_model_got_wrong_goes_back_to_it_as_errors() -> None:
    wrong = ModelResponse(
        parts=[
            ToolCallPart(tool_name="look_up", args="{broken", tool_call_id="1"),
            ToolCallPart(tool_name="look_up", args={"wrod": "x"}, tool_call_id="2"),
            ToolCallPart(tool_name="erase", args={}, tool_call_id="3"),
        ]
    )
    model = ScriptedModel("m", [wrong, say("done"), say("")])
    steps = await run(Agent(role()), model, await a_scope())
    assert all(observation.is_error for observation in steps[1].observations)
    texts = [observation.content for observation in steps[1].observations]
    assert "not a JSON object" in texts[0]
    assert "wrod" in texts[1]
    assert "known are look_up" in texts[2]
    assert steps[-1].ending is not None
    assert steps[-1].ending.reason == "no_answer"


async def test_an_empty_reply_uses_up_a_turn_and_is_said() -> None:
    model = ScriptedModel("m", [ModelResponse(parts=[]), say("done"), say("x")])
    steps = await run(Agent(role()), model, await a_scope())
    assert steps[2].asked is not None
    assert "empty" in steps[2].asked


async def test_the_last_turn_is_offered_no_tools_and_a_call_in_it_is_answered() -> None:
    model = ScriptedModel("m", [call("look_up", word="x"), call("look_up", word="y"), say("z")])
    steps = await run(Agent(role(max_steps=2)), model, await a_scope())
    assert steps[2].observations[0].is_error
    assert "no tool" in steps[2].observations[0].content
    assert steps[-1].ending is not None
    assert steps[-1].ending.answer == ("z",)


async def test_repeated_call_ids_are_told_apart() -> None:
    twice = ModelResponse(
        parts=[ToolCallPart(tool_name="look_up", args={"word": word}, tool_call_id="same") for word in ("a", "bb")]
    )
    steps = await run(Agent(role()), ScriptedModel("m", [twice, say("."), say("x")]), await a_scope())
    assert [one.content for one in steps[1].observations] == ["a: 1", "bb: 2"]


async def test_calls_that_only_read_run_side_by_side() -> None:
    met = asyncio.Barrier(2)

    async def meet(name: str) -> str:
        """Wait for the other."""
        await met.wait()
        return name

    agent = Agent(role(tools=(function_tool(meet, effect="read"),), first_call=None))
    model = ScriptedModel("m", [together(call("meet", name="a"), call("meet", name="b")), say("."), say("x")])
    steps = await run(agent, model, await a_scope())
    assert [one.content for one in steps[0].observations] == ["a", "b"]


async def test_a_tool_that_breaks_is_told_to_the_model() -> None:
    def explode() -> str:
        """Break."""
        raise RuntimeError("boom")

    agent = Agent(role(tools=(function_tool(explode, effect="read"),), first_call=None))
    steps = await run(agent, ScriptedModel("m", [call("explode"), say("."), say("x")]), await a_scope())
    assert steps[0].observations[0].is_error
    assert "boom" in steps[0].observations[0].content


async def test_the_price_of_the_final_question_is_kept_back() -> None:
    price = Price(prompt_usd=10.0, completion_usd=10.0)
    endless = ScriptedModel("m", iter(lambda: call("look_up", word="bb"), None), price=price)
    scope = await a_scope(usd=0.06)
    steps = await run(Agent(role(max_steps=50)), endless, scope)
    assert steps[-1].ending is not None
    assert steps[-1].ending.reason == "limit"
    assert steps[-1].asked == FINAL
    assert scope.account.spent.usd <= 0.06


async def test_a_budget_for_nothing_ends_without_a_call() -> None:
    price = Price(prompt_usd=10.0, completion_usd=10.0)
    model = ScriptedModel("m", [], price=price)
    steps = await run(Agent(role()), model, await a_scope(usd=0.0001))
    assert model.seen == []
    assert steps[-1].ending is not None
    assert steps[-1].ending.reason == "limit"


async def test_a_model_without_a_price_is_refused_under_a_dollar_limit() -> None:
    with pytest.raises(CallerMistake, match="price"):
        await run(Agent(role()), ScriptedModel("m", [say("x")], price=None), await a_scope())


def sender(sent: list[str], *, keyed: bool = False, waits: bool = False) -> object:
    async def send(text: str) -> str:
        """Send it.

        Args:
            text: what.
        """
        sent.append(text)
        return "sent"

    return function_tool(send, effect="outside", keyed=keyed, waits=waits)


async def test_an_outside_call_needs_a_grant() -> None:
    sent: list[str] = []
    agent = Agent(role(tools=(sender(sent),), first_call=None))
    steps = await run(agent, ScriptedModel("m", [call("send", text="hi"), say("."), say("x")]), await a_scope())
    assert steps[0].observations[0].is_error
    assert sent == []


async def test_while_attempts_compete_outside_calls_wait_or_are_refused_by_name() -> None:
    for waits in (True, False):
        sent: list[str] = []
        agent = Agent(role(tools=(sender(sent, waits=waits),), first_call=None))
        scope = await a_scope(contested=True, grants=frozenset({"send"}))
        steps = await run(agent, ScriptedModel("m", [call("send", text="hi"), say("."), say("x")]), scope)
        assert sent == []
        assert steps[0].observations[0].is_error is not waits
        assert bool(await scope.journal.read("run", [OutboxQueued])) is waits


@pytest.mark.parametrize("keyed", [True, False])
async def test_an_outside_call_that_a_crash_cut_is_repeated_only_with_its_key(keyed: bool) -> None:
    sent: list[str] = []
    agent = Agent(role(tools=(sender(sent, keyed=keyed),), first_call=None))
    scope = await a_scope(grants=frozenset({"send"}))
    reply = ModelResponse(parts=[ToolCallPart(tool_name="send", args={"text": "hi"}, tool_call_id="c1")])
    await scope.journal.append(
        [
            StepReplied(scope="run", step=0, model="m", reply=reply, asked="q"),
            CallStarted(scope="run", step=0, call_id="c1"),
        ]
    )
    so_far = (await rebuild(scope.journal, "run", TASK.id)).steps
    steps = await run(agent, ScriptedModel("m", [say("."), say("x")]), scope, so_far)
    assert sent == (["hi"] if keyed else [])
    assert ("interrupted" in steps[0].observations[0].content) is not keyed


async def test_cancelling_writes_the_ending_and_settles() -> None:
    hang = asyncio.Event()

    async def never(request: object) -> ModelResponse:
        await hang.wait()
        return ModelResponse(parts=[TextPart(content="late")])

    scope = await a_scope()
    task = asyncio.ensure_future(run(Agent(role(first_call=None)), ScriptedModel("m", [never]), scope))
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ended = await scope.journal.read("run", [AttemptEnded])
    assert [one.event.ending.reason for one in ended] == ["cancelled"]
    assert not await scope.journal.read("run", [Incident])


def test_a_refusal_is_a_signal_and_no_error_of_ours() -> None:
    assert not issubclass(ToolRefused, CallerMistake)
