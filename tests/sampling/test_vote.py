"""The vote of AutoFL, its tie-breaks and the two stopping rules."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from parcae.sampling.stopping import cannot_change, lead, leads_by
from parcae.sampling.vote import confidence, vote

names = st.sampled_from("abcde")
answers = st.lists(st.lists(names, max_size=4, unique=True).map(tuple), max_size=8)


def test_each_attempt_shares_one_vote_among_the_names_it_gave() -> None:
    answer = vote([("f", "g"), ("f",), ()])
    assert [(one.name, one.score) for one in answer.candidates] == [("f", 0.5), ("g", 0.5 / 3)]
    assert answer.confidence == 0.5
    assert answer.attempts == 3


def test_a_name_given_twice_by_one_attempt_counts_once() -> None:
    assert vote([("f", "f", "g")]).candidates[0].score == 0.5


def test_ties_go_to_the_larger_preference_then_to_who_came_first() -> None:
    tied = [("g",), ("f",), ("h",)]
    assert [one.name for one in vote(tied).candidates] == ["g", "f", "h"]
    prefer = {"g": (1.0, 0.0), "f": (1.0, 5.0), "h": (2.0, 0.0)}
    assert [one.name for one in vote(tied, prefer=prefer.__getitem__).candidates] == ["h", "f", "g"]


def test_no_attempt_at_all_gives_no_answer() -> None:
    assert vote([]).candidates == ()
    assert confidence([]) == 0.0
    assert lead([]) == 0.0


@given(answers)
def test_scores_add_up_to_the_share_of_attempts_that_answered(drawn: list[tuple[str, ...]]) -> None:
    total = sum(one.score for one in vote(drawn).candidates)
    answered = sum(bool(answer) for answer in drawn)
    assert abs(total - answered / max(1, len(drawn))) < 1e-9
    assert all(0 < one.score <= 1 for one in vote(drawn).candidates)


@given(answers, st.randoms(use_true_random=False))
def test_the_order_of_attempts_changes_no_score(drawn: list[tuple[str, ...]], random: object) -> None:
    turned = list(reversed(drawn))
    before = {one.name: round(one.score, 9) for one in vote(drawn).candidates}
    assert before == {one.name: round(one.score, 9) for one in vote(turned).candidates}


@given(answers.filter(bool), st.integers(0, 3))
def test_when_the_vote_cannot_change_no_future_changes_it(drawn: list[tuple[str, ...]], remaining: int) -> None:
    if not cannot_change(drawn, remaining):
        return
    first = vote(drawn).candidates[0].name
    for future in itertools.product(["a", "b", "c", "d", "e"], repeat=remaining):
        assert vote([*drawn, *((name,) for name in future)]).candidates[0].name == first


def test_a_lead_counts_attempts() -> None:
    votes = [("f",), ("f",), ("g",)]
    assert lead(votes) == 1
    assert leads_by(votes, 1)
    assert not leads_by(votes, 1.5)
    assert not leads_by([], 1)
