"""Gaussian process with expected improvement over the affordable configurations: a textbook kernel, no insights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from parcae.allocation.belief import candidates, counts_of
from parcae.allocation.history import History, Proposal
from parcae.allocation.space import Indices


@dataclass(frozen=True, slots=True, kw_only=True)
class GpEi:
    """A trial is `items` items. The kernel falls by half for each model that differs and with log samples."""

    items: int = 30
    first: int = 6
    seed: int = 0
    trials: int | None = None

    async def propose(self, history: History) -> Proposal | None:
        arms = candidates(history)
        items = min(self.items, history.problem.items)
        left = history.problem.max_calls - history.calls
        seen = counts_of(history, arms) > 0
        over = self.trials is not None and len(history.rounds) >= self.trials
        if seen.all() or over or left < items * history.problem.draws(arms[:1]):
            return None
        if len(history.rounds) < self.first:
            rng = np.random.default_rng([self.seed, len(history.rounds)])
            chosen = int(rng.choice(arms[~seen]))
        else:
            mean, deviation = self._posterior(history, arms)
            best = mean[seen].max()
            z = (mean - best) / np.maximum(deviation, 1e-9)
            gain = np.where(seen, -1.0, (mean - best) * norm.cdf(z) + deviation * norm.pdf(z))
            chosen = int(arms[gain.argmax()])
        if history.problem.draws(np.array([chosen])) * items > left:
            return None
        return Proposal(configurations=np.array([chosen]), items=np.arange(items), why="expected improvement")

    def choose(self, history: History) -> int:
        if not history.rounds:
            return history.best()
        arms = candidates(history)
        seen = counts_of(history, arms) > 0
        mean, _ = self._posterior(history, arms)
        return int(arms[np.where(seen, mean, -1.0).argmax()])

    def _posterior(self, history: History, arms: Indices) -> tuple[np.ndarray, np.ndarray]:
        table, space = history.table, history.problem.space
        places = np.searchsorted(table.configurations, arms).clip(0, len(table.configurations) - 1)
        seen = np.flatnonzero(table.configurations[places] == arms)
        scores = table.means[places[seen]]
        noise = 0.2 / np.maximum(table.counts[places[seen]], 1)
        models, sizes = space.digits(arms)
        distance = np.zeros((len(arms), len(arms)))
        for row, size, stage in zip(models, sizes, space.stages, strict=True):
            distance += (row[:, None] != row[None, :]) * 0.7
            logs = np.log2(np.asarray(stage.samples, dtype=float))[size] / 2
            distance += 0.5 * (logs[:, None] - logs[None, :]) ** 2
        prior = max(float(scores.var()), 0.005) * np.exp(-distance)
        cross = prior[:, seen]
        weights = np.linalg.solve(cross[seen] + np.diag(noise), cross.T).T
        mean = scores.mean() + weights @ (scores - scores.mean())
        variance = np.maximum(np.diag(prior) - (weights * cross).sum(axis=1), 0.0)
        return mean, np.sqrt(variance)
