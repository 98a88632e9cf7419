"""Curves are read the same way whoever drew them, and only rivals may pick points by their outcome."""

from __future__ import annotations

import numpy as np
import pytest

from parcae.hotswap.bootstrap import along, interval, reference, undominated


def test_a_dearer_point_that_keeps_less_counts_against_ours_and_not_against_a_rival() -> None:
    costs, performances = np.array([[0.1], [0.2], [0.3]]), np.array([[0.9], [0.8], [1.0]])
    assert along(costs, performances, 0.2, best=False) == pytest.approx([0.8])
    assert along(costs, performances, 0.2, best=True) == pytest.approx([0.9])


def test_undominated_points_come_by_cost_and_each_keeps_more() -> None:
    assert undominated([(0.3, 0.9), (0.1, 0.8), (0.2, 0.7), (0.1, 0.6)]) == [1, 0]


def test_the_reference_is_one_at_one_in_every_resample() -> None:
    rng = np.random.default_rng(0)
    success, cost = rng.random(50), rng.random(50)
    ref = reference(success, cost, resamples=200, seed=1)
    assert ref.relative(success, cost) == pytest.approx((1.0, 1.0))
    assert interval(ref.performances(success)) == pytest.approx((1.0, 1.0))
    assert interval(ref.costs(2 * cost)) == pytest.approx((2.0, 2.0))
