"""Intervals for frontiers: tasks are drawn anew, with all that belongs to them. Knows nothing of policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from parcae.prediction.belief import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What everything is relative to: success and US dollars of each task under all attempts of the target.

    `weights` (B, N): how often each task is in each resample.
    """

    success: Floats
    cost_usd: Floats
    weights: Floats

    def relative(self, success: Floats, cost_usd: Floats) -> tuple[float, float]:
        """(relative cost, relative performance) over all tasks."""
        return float(cost_usd.sum() / self.cost_usd.sum()), float(success.sum() / self.success.sum())

    def performances(self, success: Floats) -> Floats:
        """Relative performance in each resample, (B,)."""
        return np.asarray(self.weights @ success / np.maximum(self.weights @ self.success, 1e-12))

    def costs(self, cost_usd: Floats) -> Floats:
        """Relative cost in each resample, (B,)."""
        return np.asarray(self.weights @ cost_usd / (self.weights @ self.cost_usd))


def reference(success: Floats, cost_usd: Floats, *, resamples: int, seed: int) -> Reference:
    """A reference with `resamples` draws of as many tasks, with putting back."""
    rng, count = np.random.default_rng(seed), len(success)
    weights = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
    return Reference(success=success, cost_usd=cost_usd, weights=weights)


def interval(values: Floats, level: float = 0.95) -> tuple[float, float]:
    """The central `level` of `values`."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def undominated(points: Sequence[tuple[float, float]]) -> list[int]:
    """The places of the points (cost, performance) that no cheaper or equally cheap point beats, by cost."""
    best, kept = -np.inf, []
    for place in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if points[place][1] > best:
            best = points[place][1]
            kept.append(place)
    return kept


def along(costs: Floats, performances: Floats, at: float, *, best: bool) -> Floats:
    """Performance at relative cost `at` on the line through a curve's points, for each resample: (P, B) -> (B,).

    `best`: where a cheaper point keeps more, it stands in. That is a choice by outcome, so only rivals get it.
    """
    values = np.empty(costs.shape[1])
    for b in range(costs.shape[1]):
        order = np.argsort(costs[:, b])
        line = performances[order, b]
        values[b] = np.interp(at, costs[order, b], np.maximum.accumulate(line) if best else line)
    return values
