from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcae.core.errors import CallerMistake
from parcae.core.plan import Plan, PricePlan, RungPlan, StagePlan, parse, render
from parcae.core.usage import Limits

names = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1, max_size=12
)
limits = st.builds(Limits, usd=st.none() | st.floats(0, 1e3), tokens=st.none() | st.integers(0, 10**9))
some = st.none() | st.floats(0, 50)
rungs = st.builds(
    RungPlan,
    attempts=st.integers(1, 20),
    batch=st.integers(1, 5),
    weight=st.floats(0, 3),
    look=st.lists(st.integers(1, 40), max_size=3).map(sorted).map(tuple),
    swap_above=st.floats(0, 1),
    enough=some,
    sure=some,
    hopeless=some,
    keep=st.none() | st.integers(1, 9),
    patience=st.none() | st.integers(1, 40),
).flatmap(
    lambda rung: st.sampled_from(
        [
            rung,
            replace(rung, then="resume"),
            replace(rung, then="resume", order="forecast"),
            replace(rung, then="fork"),
            replace(rung, then="fork", forks=3, order="steps"),
            replace(rung, after="answer"),
        ]
    )
)


def climbs(length: int) -> st.SearchStrategy[tuple[RungPlan, ...]]:
    """Rungs of which the last, which has none above it, does not fork."""
    last = rungs.map(lambda rung: replace(rung, then="resume", forks=None) if rung.then == "fork" else rung)
    return st.tuples(*[rungs] * (length - 1), last)


prices = st.builds(PricePlan, solved_usd=st.floats(0, 10), gain=st.floats(0, 1), fades=st.floats(0.01, 2))
stages = st.builds(
    StagePlan,
    ladder=st.lists(names, min_size=1, max_size=3).map(tuple),
    attempts=st.integers(1, 50),
    policy=names,
    forecaster=st.none() | names,
    limits=limits,
    swap_attempts=st.none() | st.integers(1, 9),
    temperature=st.floats(0, 2),
    max_steps=st.none() | st.integers(1, 99),
    price=st.none() | prices,
).flatmap(
    lambda stage: climbs(len(stage.ladder)).flatmap(lambda some: st.sampled_from([replace(stage, climb=some), stage]))
)


@given(stages, st.dictionaries(names, stages, max_size=3), limits)
def test_a_plan_reads_back_as_it_was_written(default: StagePlan, named: dict[str, StagePlan], whole: Limits) -> None:
    plan = Plan(default=default, stages=named, limits=whole)
    again = parse(tomllib.loads(render(plan)))
    assert (again.default, dict(again.stages), again.limits) == (default, named, whole)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({}, "plans nothing"),
        ({"version": 2}, "version 2"),
        ({"default": {"ladder": []}}, "`ladder` must be a list"),
        ({"default": {"ladder": ["m"], "samples": 3}}, "unknown key `samples`"),
        ({"default": {"ladder": ["m"], "attempts": 0}}, "1 or more"),
        ({"default": {"ladder": ["m"], "limits": {"usd": -1}}}, "0 or more"),
        ({"default": {"ladder": ["m", "n"], "climb": [{}]}}, "one table a rung of the ladder"),
        ({"default": {"ladder": ["m"], "climb": [{"then": "jump"}]}}, "use one of start, resume, fork"),
        ({"default": {"ladder": ["m"], "climb": [{"then": "fork"}]}}, "add a model to the ladder"),
        ({"default": {"ladder": ["m", "n"], "climb": [{"forks": 2}, {}]}}, 'write then = "fork"'),
        ({"default": {"ladder": ["m", "n"], "climb": [{"then": "fork", "forks": 1}, {}]}}, "two futures or more"),
        ({"default": {"ladder": ["m", "n"], "climb": [{"order": "steps"}, {}]}}, "or leave `order` out"),
        ({"default": {"ladder": ["m"], "climb": [{"then": "resume", "order": "luck"}]}}, "use one of steps, forecast"),
        ({"default": {"ladder": ["m"], "climb": [{"after": "rest"}]}}, "use one of climb, answer"),
        ({"default": {"ladder": ["m"], "climb": [{"look": [0]}]}}, "steps from 1"),
        ({"default": {"ladder": ["m"], "climb": [{"enough": -1}]}}, "0 or more"),
        ({"default": {"ladder": ["m"], "price": {"gain": 0.2}}}, "what a solved task is worth is missing"),
    ],
)
def test_a_mistake_in_a_plan_is_named(document: dict[str, object], part: str) -> None:
    with pytest.raises(CallerMistake, match=part):
        parse(document)


def test_a_model_alone_makes_as_many_attempts_as_the_plan_begins_with() -> None:
    climb = (RungPlan(attempts=7, look=(2,), then="fork"), RungPlan(attempts=3))
    stage = StagePlan(ladder=("small", "large"), policy="climb", climb=climb, price=PricePlan(solved_usd=1.0))
    strong = stage.alone(-1)
    assert strong == StagePlan(ladder=("large",), attempts=7)
    assert parse(tomllib.loads(render(Plan(default=strong)))).default == strong
    assert replace(stage, climb=(), price=None, attempts=4).alone(0) == StagePlan(ladder=("small",), attempts=4)


def test_a_plan_of_before_forks_reads_as_it_did() -> None:
    """Written by the release before `forks` and `order`."""
    old = """version = 1
[default]
ladder = ["small", "large"]
attempts = 10
policy = "climb"
temperature = 0.8
[[default.climb]]
attempts = 10
batch = 10
weight = 1.0
look = [4]
swap_above = 0.5
then = "resume"
keep = 2
[[default.climb]]
attempts = 5
batch = 1
weight = 1.0
look = []
swap_above = 0.5
then = "start"
"""
    first = RungPlan(attempts=10, batch=10, look=(4,), then="resume", keep=2)
    assert parse(tomllib.loads(old)).default.climb == (first, RungPlan(attempts=5))
