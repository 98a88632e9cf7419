"""When the votes drawn so far are enough."""

from __future__ import annotations

import pytest
from scipy.stats import beta  # type: ignore[import-untyped]

from parcae.sampling.stopping import last_agree, majority_is_sure


@pytest.mark.parametrize(("first", "second"), [(1, 0), (2, 0), (3, 1), (5, 4), (9, 1)])
def test_the_majority_is_as_sure_as_the_beta_distribution_says(first: int, second: int) -> None:
    votes = [("a",)] * first + [("b",)] * second
    sure = 1 - float(beta.cdf(0.5, first + 1, second + 1))
    assert majority_is_sure(votes, sure - 1e-6)
    assert not majority_is_sure(votes, sure + 1e-6)


def test_nothing_is_sure_without_a_name() -> None:
    assert not majority_is_sure([(), ()], 0.6)


def test_a_window_agrees_only_when_it_is_whole_and_says_something() -> None:
    assert last_agree([("b",), ("a", "c"), ("c", "a")], 1)
    assert not last_agree([("b",), ("a",), ("a",)], 2)
    assert last_agree([("b",), ("c",), ("a",), ("a",)], 2)
    assert not last_agree([(), ()], 2)
