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
    then=st.sampled_from(["start", "resume"]),
    keep=st.none() | st.integers(1, 9),
    patience=st.none() | st.integers(1, 40),
)
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
    lambda stage: st.lists(rungs, min_size=len(stage.ladder), max_size=len(stage.ladder)).flatmap(
        lambda some: st.sampled_from([replace(stage, climb=tuple(some)), stage])
    )
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
        ({"default": {"ladder": ["m"], "climb": [{"then": "jump"}]}}, "use one of start, resume"),
        ({"default": {"ladder": ["m"], "climb": [{"look": [0]}]}}, "steps from 1"),
        ({"default": {"ladder": ["m"], "climb": [{"enough": -1}]}}, "0 or more"),
        ({"default": {"ladder": ["m"], "price": {"gain": 0.2}}}, "what a solved task is worth is missing"),
    ],
)
def test_a_mistake_in_a_plan_is_named(document: dict[str, object], part: str) -> None:
    with pytest.raises(CallerMistake, match=part):
        parse(document)
