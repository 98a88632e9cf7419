"""From scores to probabilities: Platt's logistic curve or an isotonic one, fitted on forecasts of unseen tasks.

Sources: Platt 1999 with his smoothed targets; isotonic regression by pooling adjacent violators.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parcae.prediction.metrics import Bools, Floats, brier

FEW = 1000  # below so many tasks an isotonic curve follows noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A rising curve through (`scores`, `p_fail`), straight between points and level beyond them."""

    method: str
    scores: Floats
    p_fail: Floats

    def __call__(self, score: float) -> float:
        """The probability of failure that belongs to `score`."""
        return float(np.interp(score, self.scores, self.p_fail))

    def each(self, scores: Floats) -> Floats:
        """The same for many scores."""
        return np.interp(scores, self.scores, self.p_fail)


def no_calibration() -> Calibration:
    """Scores are taken as probabilities."""
    return Calibration(method="none", scores=np.array([0.0, 1.0]), p_fail=np.array([0.0, 1.0]))


def platt(failed: Bools, scores: Floats) -> Calibration:
    """A logistic curve: p = 1 / (1 + exp(-(a logit(score) + b))), by Newton's method, with a kept at 0 or more."""
    inputs = _logit(scores)
    positives, negatives = failed.sum(), (~failed).sum()
    targets = np.where(failed, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    slope, offset = 1.0, 0.0
    for _ in range(50):
        p = _logistic(slope * inputs + offset)
        weight = p * (1 - p) + 1e-9
        gradient = np.array([((p - targets) * inputs).sum() + 1e-3 * (slope - 1), (p - targets).sum()])
        cross = (weight * inputs).sum()
        hessian = np.array([[(weight * inputs**2).sum() + 1e-3, cross], [cross, weight.sum() + 1e-6]])
        step = np.linalg.solve(hessian, gradient)
        slope, offset = max(0.0, slope - step[0]), offset - step[1]
        if np.abs(step).max() < 1e-8:
            break
    grid = np.linspace(0, 1, 201)
    return Calibration(method="platt", scores=grid, p_fail=_logistic(slope * _logit(grid) + offset))


def isotonic(failed: Bools, scores: Floats) -> Calibration:
    """The rising step function nearest to the verdicts, drawn through the means of its steps."""
    distinct, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rates = np.bincount(places, weights=failed.astype(float)) / counts
    blocks: list[list[float]] = []  # mean verdict, weight, mean score
    for score, rate, count in zip(distinct, rates, counts, strict=True):
        blocks.append([float(rate), float(count), float(score)])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, weight, at = blocks.pop()
            before = blocks[-1]
            total = before[1] + weight
            before[0] = (before[0] * before[1] + mean * weight) / total
            before[2] = (before[2] * before[1] + at * weight) / total
            before[1] = total
    return Calibration(
        method="isotonic",
        scores=np.array([block[2] for block in blocks]),
        p_fail=np.array([min(0.99, max(0.01, block[0])) for block in blocks]),
    )


def calibrate(failed: Bools, scores: Floats, folds: NDArray[np.intp]) -> Calibration:
    """The curve that does best on folds it was not fitted on, by Brier score; none if neither helps.

    All three have shape (n,): verdicts and scores of tasks that the scorer had not seen, and their folds.
    """
    methods = {"platt": platt} if len(failed) < FEW else {"platt": platt, "isotonic": isotonic}
    best, least = no_calibration(), brier(failed, scores)
    for fit in methods.values():
        unseen = np.zeros(len(scores))
        for fold in np.unique(folds):
            inside = folds == fold
            unseen[inside] = fit(failed[~inside], scores[~inside]).each(scores[inside])
        error = brier(failed, unseen)
        if error < least:
            best, least = fit(failed, scores), error
    return best


def _logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -500, 500))))


def _logit(scores: Floats) -> Floats:
    kept = np.clip(scores, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(kept / (1 - kept)))
