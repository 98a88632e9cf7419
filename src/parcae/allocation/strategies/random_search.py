"""Configurations at random, one trial after another, each on all items. The plainest baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parcae.allocation.history import History, Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSearch:
    """Draws affordable configurations without replacement. `trials` None: until all were run."""

    trials: int | None = None
    seed: int = 0

    async def propose(self, history: History) -> Proposal | None:
        """The next of one shuffled list; which one depends on the seed and on how many were run."""
        if self.trials is not None and len(history.rounds) >= self.trials:
            return None
        left = np.setdiff1d(history.problem.feasible, history.table.configurations)
        if not len(left):
            return None
        rng = np.random.default_rng([self.seed, len(history.rounds)])
        return Proposal(
            configurations=rng.choice(left, 1), items=np.arange(history.problem.items), why="drawn at random"
        )

    def choose(self, history: History) -> int:
        """The best mean."""
        return history.best()
