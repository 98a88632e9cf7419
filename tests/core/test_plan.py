from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcae.core.errors import CallerMistake
from parcae.core.plan import Plan, StagePlan, parse, render
from parcae.core.usage import Limits

names = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1, max_size=12
)
limits = st.builds(Limits, usd=st.none() | st.floats(0, 1e3), tokens=st.none() | st.integers(0, 10**9))
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
    ],
)
def test_a_mistake_in_a_plan_is_named(document: dict[str, object], part: str) -> None:
    with pytest.raises(CallerMistake, match=part):
        parse(document)
