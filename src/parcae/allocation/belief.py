"""What is believed of every configuration's score, from the scores of some: a Gaussian process over the choices.

The paper's insights are its priors: a stage prefers models of its own (one effect a stage and model), more samples help
and then level off (a smooth curve over log samples, steeper at first, that a model may bend), and stages interact (a
smaller effect of their combination). Knows nothing of items or calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.costs import Floats
from parcae.allocation.space import Indices, Space

FLOOR = 4e-4  # the least variance that any effect is believed to have: two points of score


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Mean, shape (K,), and covariance, shape (K, K), of the scores of K configurations."""

    mean: Floats
    covariance: Floats

    @property
    def deviation(self) -> Floats:
        """Standard deviation of each score; shape (K,)."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Variances of the effects: `models` one a stage; `curve` of the samples; `together` of their combination."""

    models: tuple[float, ...]
    curve: float = 0.003
    together: float = 0.003


def believe(space: Space, configurations: Indices, seen: Indices, scores: Floats, noise: Floats) -> Belief:
    """The belief about `configurations` after `seen` (places in `configurations`) scored `scores` give or take `noise`.

    Args:
        space: what the numbers mean.
        configurations: shape (K,).
        seen: int64, shape (N,), places of those that were scored.
        scores: shape (N,), their mean scores.
        noise: shape (N,), the variances of these means.
    """
    effects = estimated_effects(space, configurations[seen], scores, noise)
    prior = kernel(space, configurations, effects)
    base = float(np.average(scores, weights=1.0 / (noise + FLOOR)))
    cross = prior[:, seen]
    solved = np.linalg.solve(cross[seen] + np.diag(noise + 1e-9), cross.T).T
    mean = base + solved @ (scores - base)
    return Belief(mean=mean, covariance=prior - solved @ cross.T)


def estimated_effects(space: Space, seen: Indices, scores: Floats, noise: Floats) -> Effects:
    """How much stages differ by model, from the spread of their models' mean scores less what noise explains."""
    models, _ = space.digits(seen)
    residual = scores - scores.mean()
    spread = float(noise.mean())
    variances, fitted = [], np.zeros(len(scores))
    for row, stage in zip(models, space.stages, strict=True):
        sizes = np.bincount(row, minlength=len(stage.models))
        means = np.bincount(row, residual, minlength=len(stage.models)) / np.maximum(sizes, 1)
        present = sizes > 0
        share = float((spread / np.maximum(sizes[present], 1)).mean())
        variance = float(means[present].var(ddof=1)) - share if present.sum() > 1 else FLOOR
        variances.append(max(variance, FLOOR))
        fitted += means[row]
    left = float(((residual - fitted) ** 2).mean()) * _freedom(space, len(seen)) - spread
    together = max(left, FLOOR) if len(space.stages) > 1 else FLOOR
    return Effects(models=tuple(variances), together=together)


def kernel(space: Space, configurations: Indices, effects: Effects) -> Floats:
    """Prior covariance of the scores; shape (K, K)."""
    models, places = space.digits(configurations)
    size = len(configurations)
    total = np.full((size, size), 0.09)
    together = np.ones((size, size))
    for row, place, stage, variance in zip(models, places, space.stages, effects.models, strict=True):
        same = (row[:, None] == row[None, :]).astype(np.float64)
        logs = np.log(np.asarray(stage.samples, dtype=np.float64))[place]
        near = np.exp(-0.5 * ((logs[:, None] - logs[None, :]) / 1.2) ** 2)
        total += variance * same
        if len(stage.samples) > 1:
            total += effects.curve * near * (1.0 + same)
        together *= same * near
    return np.asarray(total + effects.together * together, dtype=np.float64)


def _freedom(space: Space, seen: int) -> float:
    fitted = 1 + sum(len(stage.models) - 1 for stage in space.stages)
    return seen / max(seen - fitted, 1)


def normal_loss(z: NDArray[np.float64]) -> Floats:
    """E[max(X - z, 0)] for a standard normal X, to 1e-3: what may be gained by looking."""
    tail = 1.0 / (1.0 + np.exp(np.clip(1.5976 * z + 0.07056 * z**3, -700.0, 700.0)))
    return np.asarray(np.maximum(np.exp(-0.5 * z * z) / 2.5066283 - z * tail, 0.0), dtype=np.float64)
