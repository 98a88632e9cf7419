"""The arms of a bench: each end of the ladder alone, and the plan itself."""

from __future__ import annotations

from pathlib import Path

from parcae.benchmarks.arms import arms_of
from parcae.core.plan import StagePlan
from parcae.core.plan_rungs import PricePlan, RungPlan
from parcae.jobs.options import JobOptions, as_text, from_text

CLIMB = StagePlan(
    ladder=("builtin:small", "builtin:large"),
    policy="climb",
    climb=(RungPlan(attempts=7, batch=7, look=(2,), then="fork"), RungPlan(attempts=3)),
    price=PricePlan(solved_usd=1.0),
)


def test_the_arms_of_a_climb_are_plans_that_a_journal_can_keep() -> None:
    arms = arms_of(CLIMB)
    assert list(arms) == ["builtin:small", "builtin:large", "climb"]
    assert [(arm.policy, arm.attempts) for arm in arms.values()] == [("none", 7), ("none", 7), ("climb", 1)]
    for arm in arms.values():
        options = JobOptions(repo=Path("/r").resolve(), test="t.py::t", stage=arm)
        assert from_text(as_text(options)) == options


def test_the_arms_of_a_short_policy_make_as_many_attempts_as_it_plans() -> None:
    arms = arms_of(StagePlan(ladder=("a", "b", "c"), attempts=5, policy="parallel@4"))
    assert {name: (arm.ladder, arm.attempts, arm.policy) for name, arm in arms.items()} == {
        "a": (("a",), 5, "none"),
        "c": (("c",), 5, "none"),
        "parallel@4": (("a", "b", "c"), 5, "parallel@4"),
    }
