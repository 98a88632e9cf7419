from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as known

from parcae.prediction.metrics import (
    accuracy_at_coverage,
    auc,
    aupr,
    bootstrap,
    brier,
    calibration_error,
    fpr_at_tpr,
    reliability,
)

forecasts = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0])), min_size=4, max_size=40)


@given(forecasts)
def test_figures_equal_those_of_scikit_learn(pairs: list[tuple[bool, float]]) -> None:
    failed, p_fail = np.array([one for one, _ in pairs]), np.array([one for _, one in pairs])
    if failed.all() or not failed.any():
        assert np.isnan(auc(failed, p_fail))
        return
    assert auc(failed, p_fail) == pytest.approx(known.roc_auc_score(failed, p_fail))
    assert aupr(failed, p_fail) == pytest.approx(known.average_precision_score(failed, p_fail))
    assert brier(failed, p_fail) == pytest.approx(known.brier_score_loss(failed, p_fail))
    false_alarms, hits, _ = known.roc_curve(failed, p_fail, drop_intermediate=False)
    assert fpr_at_tpr(failed, p_fail) == pytest.approx(min(false_alarms[hits >= 0.95]))


def test_a_bootstrap_repeats_itself_and_holds_the_figure() -> None:
    rng = np.random.default_rng(1)
    failed = rng.random(200) < 0.5
    p_fail = np.clip(failed * 0.4 + rng.random(200) * 0.6, 0, 1)
    low, high = bootstrap(auc, failed, p_fail, seed=3, times=200)
    assert low < auc(failed, p_fail) < high
    assert (low, high) == bootstrap(auc, failed, p_fail, seed=3, times=200)


def test_a_bootstrap_draws_tasks_with_all_their_rows() -> None:
    """Three rows a task that say the same are worth one: rows drawn apart would make the interval narrower."""
    rng = np.random.default_rng(1)
    failed = rng.random(60) < 0.5
    p_fail = np.clip(failed * 0.4 + rng.random(60) * 0.6, 0, 1)
    alone = bootstrap(auc, failed, p_fail, seed=3, times=300)
    assert alone == bootstrap(auc, failed, p_fail, seed=3, times=300, tasks=[f"t{row}" for row in range(60)])
    names = [f"t{row}" for row in range(60)] * 3
    thrice = bootstrap(auc, np.tile(failed, 3), np.tile(p_fail, 3), seed=3, times=300, tasks=names)
    assert thrice == pytest.approx(alone)
    low, high = bootstrap(auc, np.tile(failed, 3), np.tile(p_fail, 3), seed=3, times=300)
    assert high - low < 0.7 * (thrice[1] - thrice[0])


def test_reliability_counts_every_task_once() -> None:
    failed, p_fail = np.array([True, False, True, True]), np.array([0.05, 0.05, 0.95, 1.0])
    points = reliability(failed, p_fail)
    assert [point.tasks for point in points] == [2, 2]
    assert points[0].failure_rate == 0.5 and points[1].failure_rate == 1.0
    assert calibration_error(failed, p_fail) == pytest.approx((2 * 0.45 + 2 * 0.025) / 4)


def test_abstaining_keeps_what_is_far_from_one_half() -> None:
    failed, p_fail = np.array([True, False, True, False]), np.array([0.9, 0.1, 0.45, 0.55])
    assert accuracy_at_coverage(failed, p_fail, 1.0) == 0.5
    assert accuracy_at_coverage(failed, p_fail, 0.5) == 1.0
