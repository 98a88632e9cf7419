"""What recorded attempts of roles are worth: the same as trying every way of choosing among them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcae.allocation.roles import Attempt, Goal, RoleOptions, allocate_roles, plan_of_roles, recorded
from parcae.core.errors import CallerMistake

ONE, TWO = Goal(text="g1", workspace="w"), Goal(text="g2", workspace="w")
verdict = st.tuples(st.booleans(), st.booleans()).map(lambda pair: (pair[0], pair[0] and pair[1]))


def attempt(goal: Goal, passed: bool | None, accepted: bool | None, **changes: object) -> Attempt:
    told: dict[str, object] = {"role": "agent", "task": "t", "model": "m", "first_usd": 1.0, "whole_usd": 3.0}
    return Attempt(goal=goal, passed=passed, accepted=accepted, **(told | changes))  # type: ignore[arg-type]  # fields


@given(st.lists(verdict, min_size=4, max_size=7))
def test_attempts_at_a_task_with_checks_are_worth_what_its_checks_would_choose(
    verdicts: list[tuple[bool, bool]],
) -> None:
    rows = [attempt(goal, *one) for goal in (ONE, TWO) for one in verdicts]
    found = recorded(rows)
    assert found.stages[0].samples == (1, 2, 4)
    right = [accepted for passed, accepted in verdicts if passed]
    for place, size in enumerate((1, 2, 4)):
        chosen = [any(passed for passed, _ in some) for some in combinations(verdicts, size)]
        expected = np.mean(chosen) * (np.mean(right) if right else 0.0)
        assert found.scores()[place] == pytest.approx([expected, expected])
    assert found.costs()[0].tolist() == [[3.0, 4.0, 6.0]]


def test_a_task_without_checks_is_done_once_whatever_the_plan_says() -> None:
    rows = [
        attempt(goal, passed, accepted, task=task)
        for goal in (ONE, TWO)
        for task, passed, accepted in (("a", None, True), ("b", True, True), ("b", False, False))
    ]
    found = recorded(rows)
    assert found.scores()[:, 0].tolist() == [0.75, 1.0]
    assert found.costs()[0].tolist() == [[6.0, 7.0]]


def test_a_chain_is_as_good_as_its_roles_and_a_goal_without_a_role_asks_nothing_of_it() -> None:
    rows = [
        attempt(ONE, None, True, role="boss"),
        attempt(TWO, None, False, role="boss"),
        attempt(ONE, None, False, task="x"),
        attempt(ONE, None, True, task="y"),
    ]
    found = recorded(rows)
    assert [stage.name for stage in found.stages] == ["boss", "agent"]
    assert found.scores().tolist() == [[0.5, 0.0]]


def test_goals_that_not_every_model_served_are_left_out_and_said() -> None:
    third = Goal(text="g3", workspace="w")
    rows = [attempt(goal, None, True, model=model) for goal in (ONE, TWO, third) for model in ("m", "n")][:-1]
    found = recorded(rows)
    assert (found.goals, found.left_out) == ((ONE, TWO), 1)
    with pytest.raises(CallerMistake, match=r"n never served as agent in 'g3' at w.*--models n"):
        recorded(rows[2:])


def test_dearer_models_follow_in_the_plan_and_held_out_goals_are_not_searched_on() -> None:
    goals = [Goal(text=f"g{number}", workspace="w") for number in range(4)]
    costs = {"a": 1.0, "b": 5.0, "c": 2.0}
    rows = [
        attempt(goal, None, number < 3, model=model, whole_usd=usd)
        for number, goal in enumerate(goals)
        for model, usd in costs.items()
    ]
    found = recorded(rows)
    result, plan = allocate_roles(found, RoleOptions(held_out=1), run="r", nominal=False)
    assert result.best is not None and result.held_out is not None and plan is not None
    assert (result.best.score, result.best.items, result.held_out.score) == (1.0, 3, 0.0)
    assert plan.stages["agent"].ladder == ("a", "c", "b")
    assert plan == plan_of_roles(found, result.best)
    with pytest.raises(CallerMistake, match="3 of 4 goals are held out"):
        allocate_roles(found, RoleOptions(held_out=3), run="r", nominal=False)


def test_a_budget_needs_prices() -> None:
    found = recorded([attempt(goal, None, True, whole_usd=None) for goal in (ONE, TWO)])
    with pytest.raises(CallerMistake, match="price of a recorded call is unknown"):
        allocate_roles(found, RoleOptions(item_usd=1.0), run="r", nominal=False)
    assert allocate_roles(found, RoleOptions(), run="r", nominal=False)[0].best is not None
