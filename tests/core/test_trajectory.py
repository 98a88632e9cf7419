from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import ModelResponse, ToolCallPart

from parcae.core.trajectory import Ending, Observation, Step, Trajectory, cost_of
from parcae.core.usage import Price, Usage

endings = st.none() | st.builds(Ending, reason=st.just("answered"), answer=st.tuples(st.text()))
runs = st.lists(st.builds(Step, model=st.sampled_from(["a", "b"])), max_size=8)


@given(runs, endings, st.integers(0, 12))
def test_a_prefix_knows_the_ending_only_if_the_attempt_had_ended_by_then(
    steps: list[Step], ending: Ending | None, turns: int
) -> None:
    whole = Trajectory(task_id="t", steps=tuple(steps), ending=ending)
    cut = whole.prefix(turns)
    assert cut.steps == whole.steps[:turns]
    assert cut.ending == (ending if turns >= len(steps) else None)
    assert cut.prefix(turns) == cut


def test_a_step_is_open_until_every_call_has_its_observation() -> None:
    calls = [ToolCallPart("read", {}, "one"), ToolCallPart("read", {}, "two")]
    step = Step(
        model="m", reply=ModelResponse(parts=calls), observations=(Observation(call_id="one", tool="read", content=""),)
    )
    assert step.missing() == ("two",)


def test_the_cost_of_steps_is_unknown_when_one_price_is() -> None:
    known, unknown = Step(model="m", cost_usd=0.5), Step(model="m", cost_usd=None)
    assert cost_of([known, known]) == 1.0
    assert cost_of([known, unknown]) is None


def test_cached_tokens_cost_their_own_price() -> None:
    price = Price(prompt_usd=2.0, completion_usd=10.0, cached_usd=1.0)
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=500_000, completion_tokens=100_000)
    assert price.cost_usd(usage) == pytest.approx(1.0 + 0.5 + 1.0)


def test_tokens_written_to_the_cache_cost_their_own_price() -> None:
    price = Price(prompt_usd=2.0, completion_usd=10.0, written_usd=2.5, hour_usd=4.0)
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=200_000, written_tokens=500_000, hour_tokens=100_000)
    assert price.cost_usd(usage) == pytest.approx(0.3 * 2 + 0.2 * 2 + 0.4 * 2.5 + 0.1 * 4)
    assert price.most_usd(usage) == 4.0 and price.most_usd(usage, writes=False) == 2.0
    assert (usage + usage).written_tokens == 1_000_000 and (usage + usage).hour_tokens == 200_000
