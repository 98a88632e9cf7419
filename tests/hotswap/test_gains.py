"""A swap is made where it is expected to help, which is not where the vote is most surely lost."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from parcae.core.errors import CallerMistake
from parcae.core.plan import parse
from parcae.core.plan_rungs import PricePlan, RungPlan
from parcae.core.protocols import Forecast, Standing
from parcae.hotswap.climb import Climb
from parcae.hotswap.policies import parse_policy

OPEN = Standing(
    steps=(4, 4, 4),
    ended=(False,) * 3,
    rungs=(0,) * 3,
    votes=(),
    forecast=Forecast(p_fail=0.5),
    spent_usd=None,
    ladder=("small", "large"),
    planned=3,
    answers=(None,) * 3,
    costs_usd=(0.01,) * 3,
)
LOOKED = RungPlan(attempts=3, batch=3, look=(4,), then="resume")


def decided(rung: RungPlan, p_fail: float, after: float | None, price: PricePlan | None = None) -> tuple[str, str]:
    policy = Climb(rungs=(rung, RungPlan(attempts=3)), price=price)
    decision = policy.decide(replace(OPEN, forecast=Forecast(p_fail=p_fail, p_fail_after=after)))
    return decision.action, decision.why


def test_a_vote_that_a_swap_does_not_help_is_left_alone_however_lost_it_is() -> None:
    assert decided(LOOKED, 0.95, None)[0] == "swap"
    assert decided(LOOKED, 0.95, 0.97)[0] == "carry_on"
    assert decided(LOOKED, 0.95, 0.5)[0] == "swap"
    assert decided(LOOKED, 0.4, 0.1)[0] == "carry_on"  # the plan asks for a lost vote


def test_the_least_gain_decides_alone_where_a_plan_names_it() -> None:
    gain = replace(LOOKED, swap_gain=0.2)
    assert decided(gain, 0.45, 0.2)[0] == "swap"
    action, why = decided(gain, 0.95, 0.8)
    assert action == "carry_on" and "15.0 of 100 such votes right" in why and "left alone" in why
    assert decided(gain, 0.95, None)[0] == "swap"  # nobody says what a swap would bring: as without it


def test_a_takeover_must_pay_too_and_says_so_in_words() -> None:
    price = PricePlan(solved_usd=1.0, attempt_usd=0.1)
    action, why = decided(LOOKED, 0.9, 0.5, price)
    assert action == "swap" and "3 on large cost about $0.3000" in why and "worth $0.4000: more" in why
    action, why = decided(LOOKED, 0.9, 0.7, price)
    assert action == "carry_on" and "worth $0.2000: not more" in why
    one = replace(LOOKED, keep=1)
    assert decided(one, 0.9, 0.7, price)[0] == "swap"  # one attempt costs a third
    forked = replace(LOOKED, then="fork", forks=3)
    assert "3 on large" in decided(forked, 0.9, 0.5, price)[1]
    unknown = decided(LOOKED, 0.9, None, price)
    assert unknown[0] == "carry_on" and "27.0 of 100" in unknown[1]  # the plan's gain, .3, of the lost votes
    assert decided(LOOKED, 0.9, 0.0, PricePlan(solved_usd=1e-9, attempt_usd=100.0))[0] == "carry_on"


def test_fresh_attempts_of_the_next_rung_are_priced_by_its_batch() -> None:
    price = PricePlan(solved_usd=1.0, attempt_usd=0.1)
    start = replace(LOOKED, then="start")
    policy = Climb(rungs=(start, RungPlan(attempts=30)), price=price)
    decision = policy.decide(replace(OPEN, forecast=Forecast(p_fail=0.9, p_fail_after=0.5)))
    assert decision.action == "start" and "1 on large cost about $0.1000" in decision.why


def test_a_forecast_that_is_not_trusted_says_so_at_a_look() -> None:
    policy = Climb(rungs=(LOOKED, RungPlan(attempts=3)))
    decision = policy.decide(replace(OPEN, forecast=Forecast(p_fail=0.95, trust=0.1, reasons=("strange tools",))))
    assert decision.action == "carry_on" and decision.why == "the forecast is not trusted: strange tools"


def test_the_short_policies_leave_alone_what_a_swap_does_not_help() -> None:
    helped, lost = Forecast(p_fail=0.9, p_fail_after=0.6), Forecast(p_fail=0.9, p_fail_after=0.95)
    parallel = parse_policy("parallel@4")
    assert parallel.decide(replace(OPEN, forecast=helped)).action == "swap"
    left = parallel.decide(replace(OPEN, forecast=lost))
    assert left.action == "carry_on" and "not expected to help" in left.why
    one_ended = replace(OPEN, ended=(True, False, False))
    sequential = parse_policy("sequential@1")
    assert sequential.decide(replace(one_ended, forecast=helped)).action == "start"
    assert sequential.decide(replace(one_ended, forecast=lost)).action == "carry_on"
    assert parse_policy("stop@4").decide(replace(OPEN, forecast=lost)).action == "finish"


def test_a_plan_says_the_least_gain() -> None:
    text = 'version = 1\n[default]\nladder = ["a", "b"]\npolicy = "climb"\n[[default.climb]]\n{}\n[[default.climb]]\n'
    plan = parse(tomllib.loads(text.format("look = [4]\nswap_gain = 0.2")))
    assert plan.default.climb[0].swap_gain == 0.2
    with pytest.raises(CallerMistake, match="asked at a look"):
        parse(tomllib.loads(text.format("swap_gain = 0.2")))
