"""A curve is read between its points, kept at what its dearest keeps, and not read below its cheapest."""

from __future__ import annotations

import numpy as np
import pytest

from parcae.hotswap.bootstrap import reference
from parcae.hotswap.readings import Curve, gap_closed, kept_at, paired

TASKS = 40
ONES = np.ones(TASKS)
REF = reference(ONES, ONES, resamples=100, seed=0)


def curve(*points: tuple[float, float]) -> Curve:
    """A curve that costs and keeps the same on every task."""
    made = Curve()
    for cost, kept in points:
        made.add(f"{kept:g} at {cost:g}", kept * ONES, cost * ONES)
    return made


def read(one: Curve, at: float, *, best: bool = True) -> float | None:
    kept = kept_at(one, REF, at, best=best)
    return None if kept is None else kept[0]


def test_a_curve_is_read_between_its_points_and_above_them_but_not_below() -> None:
    one = curve((0.2, 0.8), (0.4, 1.0))
    assert read(one, 0.19) is None
    assert read(one, 0.3) == pytest.approx(0.9)
    assert read(one, 0.9) == pytest.approx(1.0)


def test_ours_is_not_read_where_some_resample_does_not_reach_and_a_rival_is() -> None:
    uneven = Curve()
    cost = np.where(np.arange(TASKS) < 4, 2.0, 0.0)  # 0.2 on average, more where the dear tasks are drawn often
    uneven.add("uneven", ONES, cost)
    assert read(uneven, 0.21, best=False) is None
    assert read(uneven, 0.21) == read(uneven, 1.0, best=False) == pytest.approx(1.0)


def test_there_is_no_difference_from_a_curve_that_does_not_reach() -> None:
    curves = {"ours": curve((0.1, 0.9)), "adaptive": curve((0.3, 0.8)), "oracle": curve((0.01, 1.0))}
    early, late = (paired(curves, REF, "adaptive", at) for at in (0.2, 0.3))
    assert (early.ours, early.theirs, early.difference) == (pytest.approx(0.9), None, None)
    assert late.difference is not None and late.difference.mean == pytest.approx(0.1)
    assert gap_closed(curves, REF, 0.2) is None
    assert gap_closed(curves, REF, 0.3) == pytest.approx(0.5)
