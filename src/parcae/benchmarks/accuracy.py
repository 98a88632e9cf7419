"""How often a culprit is among the first k, with intervals over bugs; paired, so that arms are compared bug by bug."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DRAWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over bugs with its 95 % percentile interval from `DRAWS` resamples of bugs."""

    mean: float
    low: float
    high: float


def interval(values: Sequence[float], *, seed: int) -> Interval:
    """The mean of `values` (one a bug); of paired differences, if these are given."""
    return interval_of({"x": values}, lambda means: means["x"], seed=seed)


def interval_of(
    columns: Mapping[str, Sequence[float]], figure: Callable[[Mapping[str, float]], float], *, seed: int
) -> Interval:
    """A figure made of the columns' means over bugs; all columns are resampled together, bug by bug."""
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    bugs = len(next(iter(arrays.values())))
    picks = np.random.default_rng(seed).integers(0, bugs, size=(DRAWS, bugs))
    draws = {name: values[picks].mean(axis=1) for name, values in arrays.items()}
    figures = np.array([figure({name: float(means[draw]) for name, means in draws.items()}) for draw in range(DRAWS)])
    low, high = np.nanquantile(figures, (0.025, 0.975))
    return Interval(
        mean=figure({name: float(values.mean()) for name, values in arrays.items()}), low=float(low), high=float(high)
    )


def among_first(scores: Mapping[str, float], culprit: str, k: int) -> float:
    """The chance that `culprit` is among the k with the largest scores, ties broken at random; 0 if it has none.

    A culprit with b names before it and t names tied with it (itself included) is among the first k with chance
    (k - b) / t, kept within [0, 1].
    """
    if culprit not in scores:
        return 0.0
    own = scores[culprit]
    before = sum(score > own for score in scores.values())
    tied = sum(score == own for score in scores.values())
    return min(1.0, max(0.0, (k - before) / tied))
