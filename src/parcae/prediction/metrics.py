"""How good forecasts are, in numpy. `failed`: bool (n,), the verdicts; `p_fail`: float (n,), the forecasts.

Failure is the positive class everywhere. A figure that the data does not define (one class only) is nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Metric = Callable[[Bools, Floats], float]


def accuracy(failed: Bools, p_fail: Floats) -> float:
    """Share of forecasts on the right side of 1/2."""
    return float(np.mean((p_fail > 0.5) == failed)) if len(failed) else float("nan")


def auc(failed: Bools, p_fail: Floats) -> float:
    """Chance that a failure is forecast above a success; ties count half (Mann-Whitney)."""
    positives, negatives = int(failed.sum()), int((~failed).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(p_fail, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[failed].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def aupr(failed: Bools, p_fail: Floats) -> float:
    """Average precision: the sum over thresholds of precision times the gain in recall; ties are one threshold."""
    positives = int(failed.sum())
    if not positives:
        return float("nan")
    order = np.argsort(-p_fail, kind="stable")
    last_of_tie = np.append(np.diff(p_fail[order]) != 0, True)
    hits = np.cumsum(failed[order])[last_of_tie]
    taken = (np.arange(len(order)) + 1)[last_of_tie]
    gains = np.diff(np.concatenate(([0], hits))) / positives
    return float((gains * hits / taken).sum())


def fpr_at_tpr(failed: Bools, p_fail: Floats, tpr: float = 0.95) -> float:
    """Share of successes that are flagged when at least `tpr` of the failures are."""
    positives = p_fail[failed]
    if not len(positives) or failed.all():
        return float("nan")
    threshold = np.sort(positives)[::-1][int(np.ceil(tpr * len(positives))) - 1]
    return float(np.mean(p_fail[~failed] >= threshold))


def brier(failed: Bools, p_fail: Floats) -> float:
    """Mean squared distance of the forecast from the verdict."""
    return float(np.mean((p_fail - failed) ** 2)) if len(failed) else float("nan")


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "auc": auc,
    "aupr": aupr,
    "fpr_at_95_tpr": fpr_at_tpr,
    "brier": brier,
}


def bootstrap(
    metric: Metric,
    failed: Bools,
    p_fail: Floats,
    *,
    seed: int,
    times: int = 1000,
    level: float = 0.95,
    tasks: Sequence[str] | None = None,
) -> tuple[float, float]:
    """The percentile interval of `metric` over tasks drawn with replacement, each with all its rows.

    `tasks` (n,): the task of each row; None: every row is one of its own.
    """
    rows: dict[object, list[int]] = {}
    for row, task in enumerate(range(len(failed)) if tasks is None else tasks):
        rows.setdefault(task, []).append(row)
    each = [np.array(own) for own in rows.values()]
    draws = np.random.default_rng(seed).integers(0, len(each), size=(times, len(each)))
    drawn = (np.concatenate([each[task] for task in draw]) for draw in draws)
    values = np.array([metric(failed[own], p_fail[own]) for own in drawn])
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One point of a reliability figure: tasks with forecasts in [low, high), their mean forecast and failure rate."""

    low: float
    high: float
    tasks: int
    mean_p_fail: float
    failure_rate: float


def reliability(failed: Bools, p_fail: Floats, bins: int = 10) -> list[Bin]:
    """Forecasts against what happened, in `bins` equal intervals; empty ones are left out."""
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.digitize(p_fail, edges[1:-1]), 0, bins - 1)
    return [
        Bin(
            low=float(edges[place]),
            high=float(edges[place + 1]),
            tasks=int((places == place).sum()),
            mean_p_fail=float(p_fail[places == place].mean()),
            failure_rate=float(failed[places == place].mean()),
        )
        for place in range(bins)
        if (places == place).any()
    ]


def calibration_error(failed: Bools, p_fail: Floats) -> float:
    """Expected calibration error: mean over tasks of |mean forecast - failure rate| of their bin."""
    points = reliability(failed, p_fail)
    total = sum(point.tasks for point in points)
    return sum(point.tasks * abs(point.mean_p_fail - point.failure_rate) for point in points) / max(1, total)


def accuracy_at_coverage(failed: Bools, p_fail: Floats, coverage: float) -> float:
    """Accuracy on the share `coverage` of tasks whose forecasts are farthest from 1/2: what abstention buys."""
    kept = np.argsort(-np.abs(p_fail - 0.5), kind="stable")[: max(1, round(coverage * len(failed)))]
    return accuracy(failed[kept], p_fail[kept])
