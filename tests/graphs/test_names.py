from __future__ import annotations

import math

import pytest
from hypothesis import given
from tests.graphs.turning import call, interleaved

from parcae.graphs.known import KnownNames
from parcae.graphs.names import NAME_FEATURES, leader_of
from parcae.graphs.tally import Tally, TaskFacts
from parcae.graphs.turns import Turn

FACTS = TaskFacts(known=KnownNames.of({"a.b": 1, "a.c(int)": 2, "d": 2}))


def tally_of(*attempts: tuple[Turn, ...], facts: TaskFacts = FACTS) -> Tally:
    tally = Tally(samples=4, facts=facts)
    for number, turns in enumerate(attempts):
        for turn in turns:
            tally.add(number, turn)
    return tally


@given(interleaved())
def test_what_is_counted_of_a_name_does_not_depend_on_the_order_of_arrival(
    made: tuple[list[tuple[Turn, ...]], list[tuple[int, Turn]]],
) -> None:
    group, arrivals = made
    live, anew = Tally(samples=4, facts=FACTS), tally_of(*group)
    for number, turn in arrivals:
        live.add(number, turn)
    assert leader_of(live) == leader_of(anew)
    for name in anew.votes:
        for called, feature in NAME_FEATURES.items():
            assert feature(live, name) == pytest.approx(feature(anew, name)), called
            assert math.isfinite(feature(live, name))


def test_a_known_group_gives_known_features() -> None:
    tally = tally_of(
        (Turn(calls=(call("read", "a.c(int)"),)), Turn(answer=("a.c(int)", "a.b"))),
        (Turn(calls=(call("list", "a"),)), Turn(answer=("a.c(int)",))),
        (Turn(answer=()),),
    )
    got = {name: feature(tally, "a.c(int)") for name, feature in NAME_FEATURES.items()}
    assert got["share_of_ended"] == 0.5 and got["share_of_planned"] == 0.375 and got["share_of_votes"] == 0.75
    assert got["place"] == pytest.approx(2 / 3) and got["first"] == pytest.approx(2 / 3)
    assert got["lead"] == pytest.approx(1 / 3) and got["class_votes"] == pytest.approx(2 / 3)
    assert got["cover"] == 1.0 and got["log_reached"] == pytest.approx(math.log(3))
    assert got["looked"] == 0.25 and got["class_looked"] == 0.5
    assert got["log_class_size"] == pytest.approx(math.log(3)) and got["log_overloads"] == pytest.approx(math.log(2))
    assert NAME_FEATURES["cover"](tally, "a.b") == 0.5 and NAME_FEATURES["lead"](tally, "a.b") < 0


def test_ties_of_the_vote_go_to_the_name_that_more_failing_tests_reach() -> None:
    tied = tally_of((Turn(answer=("a.b", "d")),))
    assert leader_of(tied) == "d"


def test_without_votes_the_candidate_leads_that_most_tests_reach_and_attempts_looked_at() -> None:
    assert leader_of(tally_of((Turn(calls=(call("read", "d"),)),))) == "d"
    assert leader_of(tally_of()) == "a.c(int)"
    assert leader_of(tally_of(facts=TaskFacts())) is None


def test_constructors_and_accessors_are_told_from_other_names() -> None:
    tally = tally_of()
    assert NAME_FEATURES["constructor"](tally, "org.Thing.Thing(int)") == 1
    assert NAME_FEATURES["constructor"](tally, "shop.Cart.__init__") == 1
    assert NAME_FEATURES["constructor"](tally, "shop.Cart.total") == 0
    assert NAME_FEATURES["accessor"](tally, "shop.Cart.get_total") == 1
