from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from parcae.prediction.calibrate import calibrate, isotonic, no_calibration, platt
from parcae.prediction.metrics import brier, calibration_error
from parcae.prediction.risk import stop_above


def overconfident(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    truth = rng.random(count)
    return rng.random(count) < truth, np.clip(0.5 + 2.5 * (truth - 0.5), 0.001, 0.999)


@pytest.mark.parametrize("fit", [platt, isotonic])
def test_a_calibrated_score_means_what_it_says(fit) -> None:  # type: ignore[no-untyped-def]
    failed, scores = overconfident(4000, 1)
    curve = fit(failed[:2000], scores[:2000])
    assert np.all(np.diff(curve.p_fail) >= 0)
    unseen = curve.each(scores[2000:])
    assert calibration_error(failed[2000:], unseen) < 0.05 < calibration_error(failed[2000:], scores[2000:])
    assert brier(failed[2000:], unseen) < brier(failed[2000:], scores[2000:])
    assert curve(scores[0]) == pytest.approx(curve.each(scores[:1])[0])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), min_size=3, max_size=60, unique_by=lambda one: one[1]))
def test_the_isotonic_curve_is_the_one_of_scikit_learn(pairs: list[tuple[bool, int]]) -> None:
    failed, scores = np.array([one for one, _ in pairs]), np.array([one / 1000 for _, one in pairs])
    theirs = IsotonicRegression(y_min=0.01, y_max=0.99).fit(scores, failed)
    curve = isotonic(failed, scores)
    levels = np.unique(np.round(theirs.predict(scores), 9))
    assert np.allclose(np.unique(np.round(curve.p_fail, 9)), levels)


def test_calibration_is_left_out_where_it_does_not_help_on_other_folds() -> None:
    """On the very tasks that a curve was fitted on it always helps; that is no reason to take it."""
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        scores, folds = rng.random(60), np.arange(60) % 5
        failed = rng.random(60) < scores
        unseen = np.zeros(60)
        for fold in range(5):
            unseen[folds == fold] = platt(failed[folds != fold], scores[folds != fold]).each(scores[folds == fold])
        curve, helps = calibrate(failed, scores, folds), brier(failed, unseen) < brier(failed, scores)
        assert curve.method == ("platt" if helps else "none")
        assert np.array_equal(curve.each(scores), (platt(failed, scores) if helps else no_calibration()).each(scores))
        found.append(helps)
    assert set(found) == {True, False}
    assert no_calibration()(0.3) == pytest.approx(0.3)


def test_at_most_one_success_in_twenty_is_stopped() -> None:
    """Simulation: thresholds from held-out tasks, stops counted on fresh ones; the promise is about the mean."""
    rng = np.random.default_rng(7)
    stopped = []
    for _ in range(2000):
        failed = rng.random(80) < 0.6
        scores = np.clip(0.3 * failed + 0.7 * rng.random(80), 0, 1)
        threshold = stop_above(failed[:60], scores[:60], alpha=0.05)
        fresh = scores[60:][~failed[60:]]
        stopped.append((int((fresh > threshold).sum()), len(fresh)))
    share = sum(count for count, _ in stopped) / sum(total for _, total in stopped)
    assert 0.01 < share <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(stopped))


def test_too_few_successes_promise_nothing() -> None:
    assert stop_above(np.zeros(18, dtype=bool), np.linspace(0, 1, 18)) == float("inf")
    assert stop_above(np.zeros(19, dtype=bool), np.linspace(0, 1, 19)) == 1.0
