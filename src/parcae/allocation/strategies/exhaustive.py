"""Every affordable configuration on every item. Knows no shortcut; with replay it draws every sample once."""

from __future__ import annotations

import numpy as np

from parcae.allocation.history import History, Proposal

CHUNK = 4096


class Exhaustive:
    """Runs everything, a few thousand configurations at a time, and takes the best mean."""

    async def propose(self, history: History) -> Proposal | None:
        """The next configurations that were never run, on all items."""
        left = np.setdiff1d(history.problem.feasible, history.table.configurations)
        if not len(left):
            return None
        items = np.arange(history.problem.items)
        return Proposal(configurations=left[:CHUNK], items=items, why="everything is run once")

    def choose(self, history: History) -> int:
        """The best mean."""
        return history.best()
