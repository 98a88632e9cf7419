"""How promising an attempt is beside the others."""

from __future__ import annotations

import json

import pytest
from pydantic_ai.messages import ModelResponse, ToolCallPart

from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.graphs.agreement import promises
from parcae.graphs.tally import Tally
from parcae.graphs.turns import turn_of
from parcae.prediction.rule import RuleForecaster


def looked_at(name: str) -> Step:
    call = ToolCallPart(tool_name="read", args=json.dumps({"name": name}), tool_call_id=name)
    return Step(model="m", reply=ModelResponse(parts=[call]))


PATHS = {0: ("a", "b"), 1: ("a", "b", "c"), 2: ("d",)}


def test_an_attempt_is_as_promising_as_the_others_look_where_it_looks() -> None:
    tally = Tally(samples=4)
    assert promises(tally) == ()
    for attempt, names in PATHS.items():
        for name in names:
            tally.add(attempt, turn_of(looked_at(name)))
    assert promises(tally) == pytest.approx((0.5, 1 / 3, 0.0))


def test_a_lone_attempt_promises_nothing() -> None:
    tally = Tally(samples=1)
    tally.add(0, turn_of(looked_at("a")))
    assert promises(tally) == (0.0,)


def test_the_rule_says_of_each_attempt_how_promising_it_is() -> None:
    watch = RuleForecaster().watch(Task(id="t", kind="locate", question="?"), 3)
    for attempt, names in PATHS.items():
        for name in names:
            watch.add(attempt, looked_at(name))
    promise = watch.forecast().promise
    assert sorted(range(3), key=lambda one: -promise[one]) == [0, 1, 2]
