"""When each plain policy looks, and what it then decides."""

from __future__ import annotations

import pytest

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Forecast, Standing
from parcae.hotswap.policies import parse_policy


def standing(
    steps: tuple[int, ...],
    *,
    ended: tuple[bool, ...] | None = None,
    rungs: tuple[int, ...] | None = None,
    votes: tuple[tuple[str, ...], ...] = (),
    p_fail: float = 0.9,
    trust: float = 1.0,
    ladder: tuple[str, ...] = ("cheap", "strong"),
) -> Standing:
    return Standing(
        steps=steps,
        ended=ended or (False,) * len(steps),
        rungs=rungs or (0,) * len(steps),
        votes=votes,
        forecast=Forecast(p_fail=p_fail, trust=trust),
        spent_usd=0.0,
        ladder=ladder,
        planned=len(steps),
    )


def test_none_never_waits_and_votes_at_the_end() -> None:
    policy = parse_policy("none")
    assert policy.pauses(standing((0, 0))) == (None, None)
    assert policy.decide(standing((5, 6), ended=(True, True))).action == "finish"


def test_parallel_looks_at_step_k_and_swaps_what_is_open() -> None:
    policy = parse_policy("parallel@4")
    assert policy.pauses(standing((0, 0))) == (4, 4)
    decision = policy.decide(standing((4, 3), ended=(False, True)))
    assert (decision.action, decision.rung) == ("swap", 1)
    assert policy.decide(standing((4, 4), p_fail=0.2)).action == "carry_on"
    assert policy.pauses(standing((4, 4))) == (None, None)


def test_parallel_climbs_a_longer_ladder_one_rung_a_look() -> None:
    policy, ladder = parse_policy("parallel@4"), ("a", "b", "c")
    assert policy.pauses(standing((4, 4), rungs=(1, 1), ladder=ladder)) == (8, 8)
    assert policy.decide(standing((8, 8), rungs=(1, 1), ladder=ladder)).rung == 2
    assert policy.pauses(standing((8, 8), rungs=(2, 2), ladder=ladder)) == (None, None)
    assert policy.decide(standing((9, 9), rungs=(2, 2), ladder=ladder)).action == "carry_on"


def test_sequential_holds_the_others_back_until_the_first_k_have_ended() -> None:
    policy = parse_policy("sequential@1")
    assert policy.pauses(standing((0, 0, 0))) == (None, 0, 0)
    looked = standing((5, 0, 0), ended=(True, False, False))
    assert (policy.decide(looked).action, policy.decide(looked).rung) == ("start", 1)
    assert policy.pauses(looked) == (None, None, None)


def test_stop_ends_a_task_that_looks_lost_and_only_then() -> None:
    policy = parse_policy("stop@2")
    assert policy.decide(standing((2, 2))).action == "finish"
    assert policy.decide(standing((2, 2), p_fail=0.1)).action == "carry_on"


def test_a_forecast_without_trust_moves_nothing() -> None:
    for text in ("parallel@2", "sequential@1", "stop@2"):
        seen = standing((2, 2), ended=(True, False), trust=0.0)
        assert parse_policy(text).decide(seen).action == "carry_on"


def test_adaptive_draws_one_at_a_time_until_the_lead_is_there() -> None:
    policy = parse_policy("adaptive@2")
    assert policy.pauses(standing((0, 0, 0))) == (None, 0, 0)
    two = standing((3, 3, 0), ended=(True, True, False), votes=(("f",), ("f",)))
    assert policy.decide(two).action == "finish"
    split = standing((3, 3, 0), ended=(True, True, False), votes=(("f",), ("g",)))
    assert policy.decide(split).action == "carry_on"
    assert policy.pauses(split) == (None, None, None)


@pytest.mark.parametrize("text", ["parallel", "parallel@0", "sometimes@3", "adaptive@x", ""])
def test_an_unknown_policy_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(CallerMistake, match="parallel@K"):
        parse_policy(text)
