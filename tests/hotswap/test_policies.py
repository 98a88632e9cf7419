"""When each plain policy looks, and what it then decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parcae.core.errors import CallerMistake
from parcae.core.plan import StagePlan
from parcae.core.plan_rungs import PricePlan, RungPlan
from parcae.core.protocols import Forecast, Standing
from parcae.hotswap.climb import Climb
from parcae.hotswap.policies import Consistency, Windows, parse_policy, policy_of


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


def test_a_forecast_that_is_not_trusted_moves_nothing_and_the_reason_says_so() -> None:
    for text in ("parallel@2", "sequential@1", "stop@2"):
        for trust in (0.0, 0.03, 0.49):
            decision = parse_policy(text).decide(standing((2, 2), ended=(True, False), trust=trust))
            assert decision.action == "carry_on"
            assert f"the forecast is not trusted: its trust is {trust:.2f}" in decision.why
        trusted = parse_policy(text).decide(standing((2, 2), ended=(True, False), trust=0.5))
        assert trusted.action != "carry_on" and "lost" in trusted.why


def test_a_climb_acts_on_no_forecast_that_is_not_trusted() -> None:
    rung = RungPlan(attempts=3, batch=3, look=(4,), sure=0.8, hopeless=0.2, then="resume")
    policy = climbing(rung, RungPlan())
    for p_fail in (0.9, 0.1):
        looked = group((("f",), None, None), (0,) * 3, steps=(3, 4, 4), p_fail=p_fail)
        doubted = replace(looked, forecast=Forecast(p_fail=p_fail, trust=0.4))
        assert policy.decide(looked).action != "carry_on" == policy.decide(doubted).action


def test_stopping_needs_the_promise_of_a_forecaster_that_gives_one() -> None:
    policy = parse_policy("stop@2")
    for bound, p_fail, action in ((0.8, 0.75, "carry_on"), (0.8, 0.85, "finish"), (0.3, 0.4, "carry_on")):
        said = replace(standing((2, 2)), forecast=Forecast(p_fail=p_fail, stop_above=bound))
        assert policy.decide(said).action == action


def test_adaptive_draws_one_at_a_time_until_the_lead_is_there() -> None:
    policy = parse_policy("adaptive@2")
    assert policy.pauses(standing((0, 0, 0))) == (None, 0, 0)
    two = standing((3, 3, 0), ended=(True, True, False), votes=(("f",), ("f",)))
    assert policy.decide(two).action == "finish"
    split = standing((3, 3, 0), ended=(True, True, False), votes=(("f",), ("g",)))
    assert policy.decide(split).action == "carry_on"
    assert policy.pauses(split) == (None, None, None)


@pytest.mark.parametrize(
    "text", ["parallel", "parallel@0", "sometimes@3", "adaptive@x", "consistency@0.4", "esc@1", ""]
)
def test_an_unknown_policy_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(CallerMistake, match="parallel@K"):
        parse_policy(text)


def climbing(*rungs: RungPlan, price: PricePlan | None = None) -> Climb:
    return Climb(rungs=rungs, price=price)


def group(
    answers: tuple[tuple[str, ...] | None, ...],
    rungs: tuple[int, ...],
    *,
    steps: tuple[int, ...] = (),
    p_fail: float = 0.5,
    cost_usd: float = 0.01,
) -> Standing:
    """Attempts with these answers; None: not started, or open if `steps` says so."""
    made = steps or tuple(0 if answer is None else 3 for answer in answers)
    return Standing(
        steps=made,
        ended=tuple(answer is not None for answer in answers),
        rungs=rungs,
        votes=tuple(answer for answer in answers if answer is not None),
        forecast=Forecast(p_fail=p_fail),
        spent_usd=None,
        ladder=("cheap", "strong"),
        planned=len(answers),
        answers=answers,
        costs_usd=tuple(cost_usd if done else 0.0 for done in made),
    )


def test_a_climb_starts_a_batch_and_looks_before_the_next() -> None:
    policy = climbing(RungPlan(attempts=4, batch=2, look=(3,)), RungPlan())
    assert policy.pauses(group((None,) * 4, (0,) * 4)) == (3, 3, 0, 0)
    assert policy.pauses(group((("f",), None, None, None), (0,) * 4, steps=(3, 3, 0, 0))) == (None, None, 0, 0)


def test_a_climb_answers_when_the_lead_is_there_and_else_takes_the_next_rung() -> None:
    policy = climbing(RungPlan(attempts=2, enough=1.5), RungPlan(attempts=3, weight=2.0))
    assert policy.decide(group((("f",), ("f",)), (0, 0))).action == "finish"
    up = policy.decide(group((("f",), ("g",)), (0, 0)))
    assert (up.action, up.rung, up.attempts) == ("start", 1, 3)


def test_votes_of_a_stronger_rung_weigh_more() -> None:
    policy = climbing(RungPlan(attempts=2), RungPlan(weight=2.5))
    answer = policy.answer(group((("f",), ("f",), ("g",)), (0, 0, 1)))
    assert [candidate.name for candidate in answer.candidates] == ["g", "f"]
    assert answer.confidence == pytest.approx(2.5 / 4.5)


def test_a_long_attempt_is_given_up_once_another_has_answered() -> None:
    policy = climbing(RungPlan(attempts=4, patience=5))
    alone = underway(steps=(5, 0, 0, 0), answers=(None,) * 4)
    assert policy.pauses(alone)[0] is None  # nobody has answered yet, so it goes on
    answered = underway(steps=(7, 3, 0, 0), answers=(("f",), None, None, None))
    assert policy.pauses(answered)[1:] == (5, 0, 0)
    long = underway(steps=(7, 5, 0, 0), answers=(("f",), None, None, None))
    given_up = policy.decide(long)
    assert (given_up.action, given_up.rung, given_up.attempts) == ("start", 0, 2)
    assert "given up after 5 steps" in given_up.why
    nobody_left = policy.decide(underway(steps=(7, 5), answers=(("f",), None)))
    assert nobody_left.action == "finish"


def test_a_long_attempt_waits_while_another_still_has_time() -> None:
    policy = climbing(RungPlan(attempts=3, batch=3, patience=5))
    several = underway(steps=(4, 5, 2), answers=(("f",), None, None))
    assert policy.pauses(several) == (5, 5, 5)
    assert policy.decide(several).action == "carry_on"


def underway(steps: tuple[int, ...], answers: tuple[tuple[str, ...] | None, ...]) -> Standing:
    """Attempts of one rung, of which some have ended."""
    return Standing(
        steps=steps,
        ended=tuple(answer is not None for answer in answers),
        rungs=(0,) * len(steps),
        votes=tuple(answer for answer in answers if answer is not None),
        forecast=Forecast(p_fail=0.5),
        spent_usd=None,
        ladder=("a",),
        planned=len(steps),
        answers=answers,
        costs_usd=(0.01,) * len(steps),
    )


def test_a_hopeless_task_is_stopped_and_a_sure_one_answered() -> None:
    policy = climbing(RungPlan(attempts=3, hopeless=0.2, sure=0.8))
    stopped = policy.decide(group((("f",), None, None), (0,) * 3, p_fail=0.9))
    assert (stopped.action, "stopped early" in stopped.why) == ("finish", True)
    assert "enough" in policy.decide(group((("f",), None, None), (0,) * 3, p_fail=0.1)).why
    assert policy.decide(group((("f",), None, None), (0,) * 3, p_fail=0.5)).action == "carry_on"


def test_lost_attempts_are_resumed_on_the_next_rung_those_with_the_fewest_steps_first() -> None:
    policy = climbing(RungPlan(attempts=3, batch=3, look=(4,), then="resume", keep=2), RungPlan())
    decision = policy.decide(group((None, None, None), (0,) * 3, steps=(4, 2, 3), p_fail=0.9))
    assert (decision.action, decision.rung, decision.attempts, decision.chosen) == ("swap", 1, 2, (1, 2, 0))


def looked_at(promise: tuple[float, ...], p_fail: float = 0.9) -> Standing:
    """Three open attempts after 4, 2 and 3 steps, and one that has not begun."""
    seen = group((None,) * 4, (0,) * 4, steps=(4, 2, 3, 0))
    return replace(seen, forecast=Forecast(p_fail=p_fail, promise=promise))


def test_a_lost_prefix_is_forked_the_most_promising_one_first() -> None:
    fork = RungPlan(attempts=4, batch=4, look=(4,), then="fork", forks=3, order="forecast")
    decision = climbing(fork, RungPlan()).decide(looked_at((0.2, 0.1, 0.7)))
    assert (decision.action, decision.rung, decision.attempts, decision.forks) == ("fork", 1, 1, 3)
    assert decision.chosen == (2, 0, 1)
    assert "3 futures" in decision.why
    plain = climbing(RungPlan(attempts=4, batch=4, look=(4,), then="fork", keep=2), RungPlan())
    decision = plain.decide(looked_at((0.2, 0.1, 0.7)))
    assert (decision.attempts, decision.forks, decision.chosen) == (2, 2, (1, 2, 0))


def test_attempts_are_resumed_in_the_order_of_the_forecast_if_the_plan_says_so() -> None:
    policy = climbing(RungPlan(attempts=4, batch=4, look=(4,), then="resume", keep=2, order="forecast"), RungPlan())
    assert policy.decide(looked_at((0.2, 0.1, 0.7))).chosen == (2, 0, 1)
    assert policy.decide(looked_at(())).chosen == (1, 2, 0)  # nothing is said of attempts: the fewest steps first


def test_a_look_answers_when_the_answer_is_good_enough_already() -> None:
    sure = climbing(RungPlan(attempts=3, batch=3, look=(4,), sure=0.8), RungPlan())
    early = group((("f",), None, None), (0,) * 3, steps=(3, 4, 4), p_fail=0.1)
    assert (sure.decide(early).action, "enough" in sure.decide(early).why) == ("finish", True)
    nothing_yet = group((None,) * 3, (0,) * 3, steps=(4, 4, 4), p_fail=0.1)
    assert sure.decide(nothing_yet).action == "carry_on"
    led = climbing(RungPlan(attempts=4, batch=4, look=(4,), enough=2))
    two_agree = group((("f",), ("f",), None, None), (0,) * 4, steps=(3, 3, 4, 4))
    assert led.decide(two_agree).action == "finish"


def test_a_rung_may_answer_when_its_attempts_have_ended_and_swap_only_at_a_look() -> None:
    policy = climbing(RungPlan(attempts=2, batch=2, look=(4,), then="resume", after="answer"), RungPlan(attempts=3))
    ended = group((("f",), ("g",)), (0, 0), p_fail=0.9)
    assert policy.decide(ended).action == "finish"
    assert policy.decide(group((None, None), (0, 0), steps=(4, 4), p_fail=0.9)).action == "swap"
    climbs = climbing(RungPlan(attempts=2, batch=2, look=(4,), then="resume"), RungPlan(attempts=3))
    assert (climbs.decide(ended).action, climbs.decide(ended).rung) == ("start", 1)


def test_the_price_aware_rule_says_its_arithmetic_in_words() -> None:
    price = PricePlan(solved_usd=1.0, gain=0.4, fades=0.5, belief=0.0)
    policy = climbing(RungPlan(attempts=3), price=price)
    tied = policy.decide(group((("f",), ("g",), None), (0,) * 3, cost_usd=0.02))
    assert tied.action == "carry_on"
    assert "at about $0.0200" in tied.why and "40.0 of 100 cases" in tied.why and "worth $0.4000" in tied.why
    led = policy.decide(group((("f",), ("f",), None), (0,) * 3, cost_usd=0.02))
    assert led.action == "finish" and "not more, so this is the answer" in led.why


def test_a_dearer_attempt_needs_a_closer_vote() -> None:
    policy = climbing(RungPlan(attempts=3), price=PricePlan(solved_usd=1.0, gain=0.4, fades=0.5, belief=0.0))
    standing_after_one = (("f",), None, None)
    actions = [policy.decide(group(standing_after_one, (0,) * 3, cost_usd=cost)).action for cost in (0.01, 0.1)]
    assert actions == ["carry_on", "finish"]


def test_a_batch_is_priced_as_a_batch() -> None:
    price = PricePlan(solved_usd=1.0, gain=0.4, fades=0.5, belief=0.0)
    seen = group((("f",), ("g",), None, None), (0,) * 4, cost_usd=0.3)  # a tie: one more gains .4, two gain .64
    assert climbing(RungPlan(attempts=4), price=price).decide(seen).action == "carry_on"
    two = climbing(RungPlan(attempts=4, batch=2), price=price).decide(seen)
    assert two.action == "carry_on" and "2 more attempts on" in two.why and "64.0 of 100" in two.why
    assert (
        climbing(RungPlan(attempts=4, batch=2), price=price)
        .decide(group((("f",), ("g",), None, None), (0,) * 4, cost_usd=0.35))
        .action
        == "finish"
    )  # .70 for .64, though .35 for .40 would have paid


def test_a_plan_names_its_policy() -> None:
    assert isinstance(policy_of(StagePlan(ladder=("m",), policy="climb", climb=(RungPlan(),))), Climb)
    assert isinstance(policy_of(StagePlan(ladder=("m",), policy="esc@3")), Windows)
    assert isinstance(policy_of(StagePlan(ladder=("m",), policy="consistency@0.9")), Consistency)
    with pytest.raises(CallerMistake, match="has no rungs"):
        policy_of(StagePlan(ladder=("m",), policy="climb"))
    with pytest.raises(CallerMistake, match="the rungs of a plan"):
        parse_policy("climb")
