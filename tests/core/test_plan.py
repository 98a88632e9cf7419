from __future__ import annotations

import re
import tomllib
from dataclasses import fields, replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcae.core.errors import CallerMistake
from parcae.core.plan import Plan, StagePlan, parse, render
from parcae.core.plan_rungs import PricePlan, RungPlan
from parcae.core.usage import Limits

names = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1, max_size=12
)
limits = st.builds(Limits, usd=st.none() | st.floats(0, 1e3), tokens=st.none() | st.integers(0, 10**9))
some, share = st.none() | st.floats(0, 50), st.floats(0, 1)
rungs = st.builds(
    RungPlan,
    attempts=st.integers(1, 20),
    batch=st.integers(1, 5),
    weight=st.floats(0, 3),
    look=st.lists(st.integers(1, 40), max_size=3).map(sorted).map(tuple),
    swap_above=share,
    enough=some,
    sure=st.none() | share,
    hopeless=st.none() | share,
    patience=st.none() | st.integers(1, 40),
)
moves = rungs.flatmap(
    lambda rung: st.sampled_from(
        [
            rung,
            replace(rung, look=(4,), then="resume", keep=3),
            replace(rung, look=(4,), then="resume", order="forecast"),
            replace(rung, look=(4, 8), then="fork"),
            replace(rung, look=(4, 8), then="fork", forks=3, keep=2, order="steps"),
            replace(rung, look=(4,), after="answer"),
        ]
    )
)


def climbs(length: int) -> st.SearchStrategy[tuple[RungPlan, ...]]:
    """Rungs of which the last, which has none above it, hands nothing over, and whose answers count."""
    return st.tuples(*[moves] * (length - 1), rungs.map(lambda rung: replace(rung, weight=rung.weight + 0.5)))


prices = st.builds(PricePlan, solved_usd=st.floats(0, 10), gain=share, fades=st.floats(0.01, 2))
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
).flatmap(
    lambda stage: (
        st.just(stage)
        | st.builds(replace, st.just(stage), policy=st.just("climb"), climb=climbs(len(stage.ladder)), price=prices)
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
        ({"default": {"ladder": ["m"], "climb": [{"then": "jump"}]}}, "use one of start, resume, fork"),
        ({"default": {"ladder": ["m", "n"], "climb": [{"forks": 2}, {}]}}, 'write policy = "climb"'),
        ({"default": {"ladder": ["m"], "price": {"solved_usd": 1.0}}}, "reads no `price`"),
        ({"default": {"ladder": ["m"], "price": {"gain": 0.2}}}, "what a solved task is worth is missing"),
        ({"default": {"ladder": ["m"], "temperature": nan}}, "`temperature` must be between 0 and 2, not nan"),
        ({"default": {"ladder": ["m"], "temperature": inf}}, "`temperature` must be between 0 and 2, not inf"),
        ({"default": {"ladder": ["m"], "temperature": -5}}, "`temperature` must be between 0 and 2, not -5"),
        ({"default": {"ladder": ["m"], "temperature": 10**400}}, "`temperature` must be between 0 and 2, not inf"),
        ({"default": {"ladder": ["m"], "limits": {"usd": nan}}}, "limits.usd must be a number of 0 or more"),
        ({"default": {"ladder": ["m"], "limits": {"usd": inf}}}, "leave `usd` out for no limit"),
        ({"default": {"ladder": ["m"], "limits": {"seconds": 10**400}}}, "not 1000000"),
        ({"default": {"ladder": ["m"], "limits": {"tokens": 1.5}}}, "limits.tokens must be a whole number"),
        ({"default": {"ladder": ["m"]}, "limits": {"calls": "many"}}, "limits.calls must be a whole number"),
        ({"default": {"ladder": ["m"], "attempts": 10**5000}}, "`attempts` must be a whole number"),
        ({"default": {"ladder": ["m"], "attempts": 10**8}}, "more than 10,000 attempts at one task"),
        ({"default": {"ladder": ["m"], "swap_attempts": 10**8}}, "more than 10,000 attempts at one task"),
        ({"version": 10**5000, "default": {"ladder": ["m"]}}, "version a number of many digits"),
    ],
)
def test_a_mistake_in_a_plan_is_named(document: dict[str, object], part: str) -> None:
    with pytest.raises(CallerMistake, match=re.escape(part)) as said:
        parse(document)
    assert len(str(said.value)) < 400


SMALL = {"attempts": 1}
LOOKS = {"attempts": 2, "look": [4]}


@pytest.mark.parametrize(
    ("climb", "part"),
    [
        ([{"then": "jump"}], "use one of start, resume, fork"),
        ([{"then": ["fork"]}], "use one of start, resume, fork"),
        ([{"look": [4], "then": "fork"}], "add a model to the ladder"),
        ([{"look": [4], "then": "resume"}], "add a model to the ladder"),
        ([{"forks": 2}, SMALL], 'write then = "fork"'),
        ([{**LOOKS, "then": "fork", "forks": 1}, SMALL], "two futures or more"),
        ([{**LOOKS, "order": "steps"}, SMALL], "or leave `order` out"),
        ([{**LOOKS, "keep": 3}, SMALL], "or leave `keep` out"),
        ([{"then": "resume", "order": "luck"}], "use one of steps, forecast"),
        ([{"then": "resume"}, SMALL], "as in look = [4]"),
        ([{"then": "fork"}, SMALL], "as in look = [4]"),
        ([{"after": "rest"}], "use one of climb, answer"),
        ([{"after": "answer"}, SMALL], "the next rung is never reached"),
        ([{"look": [0]}], "steps from 1"),
        ([{"look": [10**5000]}], "steps from 1"),
        ([{"enough": -1}], "0 or more"),
        ([{"enough": nan}], "0 or more"),
        ([{"weight": inf}], "0 or more"),
        ([{"weight": 0}], "every `weight` is 0"),
        ([{"sure": 90}], "climb[0]: `sure` must be between 0 and 1, not 90"),
        ([{"sure": nan}], "`sure` must be a number of 0 or more"),
        ([{"hopeless": 2}], "`hopeless` must be between 0 and 1, not 2"),
        ([{**LOOKS, "swap_above": 60}, SMALL], "for 60 of 100 write swap_above = 0.6"),
        ([{"attempts": 6000}, {"attempts": 6000}], "more than 10,000 attempts at one task"),
        ([{**LOOKS, "then": "fork", "forks": 5000, "keep": 5000}, SMALL], "more than 10,000 attempts at one task"),
        ([{"batch": 10**400}], "`batch` must be a whole number"),
    ],
)
def test_a_mistake_on_a_rung_is_named(climb: list[dict[str, object]], part: str) -> None:
    ladder = ["m", "n"][: len(climb)]
    with pytest.raises(CallerMistake, match=re.escape(part)):
        parse({"default": {"ladder": ladder, "policy": "climb", "climb": climb}})


@pytest.mark.parametrize(
    ("price", "part"), [({"gain": 50}, "`gain` must be between 0 and 1"), ({"fades": nan}, "0 or more")]
)
def test_a_mistake_in_a_price_is_named(price: dict[str, object], part: str) -> None:
    body = {"ladder": ["m"], "policy": "climb", "climb": [SMALL], "price": {"solved_usd": 1.0, **price}}
    with pytest.raises(CallerMistake, match=re.escape(part)):
        parse({"default": body})


def test_thousands_of_attempts_can_be_planned() -> None:
    assert parse({"default": {"ladder": ["m"], "attempts": 10_000}}).default.attempts == 10_000


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
keys = ["ladder", "attempts", "policy", "forecaster", "limits", "swap_attempts", "temperature", "max_steps", "climb"]
rung_keys = [one.name for one in fields(RungPlan)]
tables = st.dictionaries(st.sampled_from([*keys, "price"]), anything, max_size=4)


@given(tables, st.dictionaries(st.sampled_from(rung_keys), anything, max_size=4), st.booleans())
def test_any_document_is_a_plan_or_a_mistake(body: dict[str, object], rung: dict[str, object], climbs: bool) -> None:
    climb: dict[str, object] = {"ladder": ["m"], "policy": "climb", "climb": [rung]} if climbs else {}
    try:
        plan = parse({"default": {**climb, **body} if climbs else {"ladder": ["m"], **body}})
    except CallerMistake as said:
        assert len(str(said)) < 600
    else:
        again = parse(tomllib.loads(render(plan)))
        assert again == plan


def test_what_cannot_work_is_still_read_where_a_journal_holds_it() -> None:
    body = {"ladder": ["m"], "temperature": -5, "climb": [{"sure": 90}]}
    assert parse({"default": body}, possible=False).default.climb[0].sure == 90


@pytest.mark.parametrize(
    ("climb", "most"),
    [
        ((RungPlan(attempts=4), RungPlan(attempts=2)), 6),
        ((RungPlan(attempts=4, look=(2,), after="answer"), RungPlan(attempts=2)), 6),
        ((RungPlan(look=(2,), then="resume", after="answer"), RungPlan(attempts=3)), 1),
        ((RungPlan(look=(2,), then="resume"), RungPlan(attempts=3)), 4),
        ((RungPlan(attempts=2, look=(2,), then="fork", forks=3, keep=2, after="answer"), RungPlan(attempts=3)), 6),
        ((RungPlan(look=(2,), then="resume", after="answer"), RungPlan(), RungPlan(attempts=5)), 6),
    ],
)
def test_every_attempt_that_a_plan_may_begin_is_counted(climb: tuple[RungPlan, ...], most: int) -> None:
    ladder = ("a", "b", "c")[: len(climb)]
    assert StagePlan(ladder=ladder, policy="climb", climb=climb).most_attempts == most


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


def test_fresh_attempts_after_a_look_at_whole_ones_are_counted() -> None:
    stage = StagePlan(ladder=("a", "b"), attempts=2, policy="sequential@1", swap_attempts=5)
    assert stage.most_attempts == 7 and replace(stage, policy="parallel@1").most_attempts == 2
