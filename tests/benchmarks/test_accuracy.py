from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcae.benchmarks.accuracy import among_first, interval


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3).map(float), min_size=1), st.integers(1, 8))
def test_the_chance_to_be_among_the_first_is_what_random_tie_breaks_give(scores: dict[str, float], k: int) -> None:
    assert sum(among_first(scores, name, k) for name in scores) == pytest.approx(min(k, len(scores)))


def test_ties_share_the_places_that_are_left() -> None:
    scores = {"a": 2.0, "b": 1.0, "c": 1.0, "d": 1.0}
    assert among_first(scores, "a", 1) == 1.0
    assert among_first(scores, "b", 1) == 0.0
    assert among_first(scores, "b", 3) == pytest.approx(2 / 3)
    assert among_first(scores, "nobody", 3) == 0.0


def test_an_interval_holds_its_mean_and_narrows_with_more_bugs() -> None:
    rng = random.Random(1)
    values = [float(rng.random() < 0.3) for _ in range(400)]
    few, many = interval(values[:40], seed=1), interval(values, seed=1)
    assert few.low <= few.mean <= few.high
    assert many.high - many.low < few.high - few.low
    assert interval(values, seed=1) == many
