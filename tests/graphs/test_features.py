from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from tests.graphs.turning import call, groups, interleaved

from parcae.core.task import Task
from parcae.graphs.features import FEATURES, call_entropy, tool_mix, unknown_tools, vote_lead
from parcae.graphs.nodes import exact_node
from parcae.graphs.tally import Tally, TaskFacts, facts_of
from parcae.graphs.turns import Turn

Group = list[tuple[Turn, ...]]


def tallied(group: Group) -> Tally:
    tally = Tally(samples=len(group), facts=TaskFacts(candidates=9))
    for number, attempt in enumerate(group):
        for turn in attempt:
            tally.add(number, turn)
    return tally


@given(interleaved())
def test_features_do_not_depend_on_the_order_in_which_attempts_moved(
    made: tuple[Group, list[tuple[int, Turn]]],
) -> None:
    group, arrivals = made
    live = Tally(samples=len(group), facts=TaskFacts(candidates=9))
    for number, turn in arrivals:
        live.add(number, turn)
    anew = tallied(group)
    for name, feature in FEATURES.items():
        assert feature(live) == pytest.approx(feature(anew)), name


@given(groups)
def test_running_sums_equal_their_plain_definitions(group: Group) -> None:
    tally = tallied(group)
    nodes = Counter(exact_node(one) for attempt in group for turn in attempt for one in turn.calls)
    total = nodes.total()
    plain = -sum(count / total * math.log(count / total) for count in nodes.values()) if total else 0.0
    assert call_entropy(tally) == pytest.approx(plain, abs=1e-9)
    assert tally.repeats == sum(
        count - 1
        for attempt in group
        for count in Counter(exact_node(one) for turn in attempt for one in turn.calls).values()
    )
    assert all(math.isfinite(feature(tally)) for feature in FEATURES.values())


def test_a_known_group_gives_known_features() -> None:
    first = (Turn(calls=(call("list", None),), observed_chars=9), Turn(calls=(call("look", "a.B(int)"),), errors=1))
    second = (Turn(calls=(call("list", None),)), Turn(calls=(call("look", "a.c"),)), Turn(answer=("x.b", "y.d")))
    tally = tallied([first, second])
    got = {name: feature(tally) for name, feature in FEATURES.items()}
    assert got["mean_length"] == 2.5 and got["ended_share"] == 0.5 and got["silent_share"] == 0.0
    assert got["vote_confidence"] == 0.25 and got["vote_confidence_of_ended"] == 0.5 and vote_lead(tally) == 0.0
    assert got["unique_share"] == 0.75 and got["error_share"] == 0.25 and got["focus"] == 0.5
    assert got["looked_at_winner"] == 0.5  # x.b meets a.B(int) by its last part
    assert got["task_size"] == pytest.approx(math.log(10))
    assert tool_mix(tally, ("list", "look", "other")) == (0.5, 0.5, 0.0)
    assert unknown_tools(tally, ("list",)) == ("look",)


def test_facts_come_from_the_details_of_a_task() -> None:
    task = Task(id="t", kind="locate", question="?", details={"candidates": "12", "leading": "many"})
    assert facts_of(task) == TaskFacts(candidates=12)


def test_facts_come_from_the_candidates_of_a_task_where_they_are_known() -> None:
    task = Task(
        id="t", kind="locate", question="?", details={"functions": "9"}, covering={"a.f": 2, "a.g": 2, "b.h": 0}
    )
    facts = facts_of(task)
    assert (facts.candidates, facts.failing_tests, facts.leading) == (3, 2, 2)
    assert facts.known.cover("a.f") == 1 and facts.known.cover("b.h") == 0 and facts.known.as_suspect("b.h") == 3
    assert facts.beside({"a.f": 4}).known.as_suspect("a.g") == 1  # a.f stands in other tasks too
