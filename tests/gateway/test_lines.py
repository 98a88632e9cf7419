from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from parcae.core.events import StepCompleted, StepReplied
from parcae.core.usage import Usage
from parcae.gateway.dialect import Call, Result, Said
from parcae.gateway.lines import completed, replied
from parcae.gateway.steps import Told, step_of, turn_of
from parcae.graphs.turns import turn_of as turn_of_step
from parcae.store.codec import decode, encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ARGUMENTS = st.one_of(TEXT, st.sampled_from(['{"b": 1, "a": [2, "x"]}', "{}", "[1]", "null", '{"a":', ""]))
CALLS = st.lists(st.builds(Call, TEXT, TEXT, ARGUMENTS), max_size=3).map(tuple)
USAGE = st.one_of(st.none(), st.builds(Usage, prompt_tokens=st.integers(0, 9**9), completion_tokens=st.integers(0, 99)))
SAID = st.builds(Said, TEXT, CALLS, USAGE)
AT = 1_780_000_000.25


@settings(deadline=None)  # the first one loads pydantic-ai
@given(SAID, TEXT, st.one_of(st.none(), TEXT), st.one_of(st.none(), st.floats(0, 1e3)))
def test_a_reply_written_by_hand_is_the_reply(
    said: Said, model: str, asked: str | None, cost_usd: float | None
) -> None:
    line = replied("run", 3, model, said, at=AT, asked=asked, cost_usd=cost_usd)
    found = decode(StepReplied, "run", encode(line))
    reply = step_of(Told(said, (), model=model)).reply
    assert reply is not None
    assert found.reply.parts == reply.parts and found.reply.model_name == model
    assert found.reply.timestamp == datetime.fromtimestamp(AT, UTC)
    assert (found.step, found.model, found.asked, found.cost_usd) == (3, model, asked, cost_usd)
    assert found.usage == (said.usage or Usage())
    assert decode(StepReplied, "run", encode(found)) == found


@settings(deadline=None)
@given(st.integers(0, 10**6), TEXT)
def test_a_completion_written_by_hand_is_the_completion(step: int, model: str) -> None:
    assert completed("run", step, model).whole() == StepCompleted(scope="run", step=step, model=model)


@settings(deadline=None)
@given(SAID, st.lists(st.builds(Result, TEXT, TEXT, st.booleans()), max_size=3))
def test_forecasters_read_the_same_from_a_step_and_from_what_it_is_made_of(said: Said, results: list[Result]) -> None:
    told = Told(said, results, model="m")
    assert turn_of(told) == turn_of_step(step_of(told))
