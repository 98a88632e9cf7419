"""Successive halving and plain arm elimination: racing without any prior."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

import numpy as np

from parcae.allocation.belief import candidates, counts_of
from parcae.allocation.history import History, Proposal
from parcae.allocation.space import Indices


def means_of(history: History, arms: Indices) -> np.ndarray:
    table = history.table
    places = np.searchsorted(table.configurations, arms).clip(0, len(table.configurations) - 1)
    return np.where(table.configurations[places] == arms, table.means[places], -1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halving:
    """Equal budget a round, half of the arms leave after each. `calls`: the whole budget, in draws."""

    calls: float

    async def propose(self, history: History) -> Proposal | None:
        alive = self._alive(history)
        begin = int(counts_of(history, alive).min()) if history.rounds else 0
        if len(alive) <= 1 or begin >= history.problem.items:
            return None
        rounds = ceil(log2(len(candidates(history))))
        a_round = self.calls / rounds
        a_item = history.problem.draws(alive)
        count = int(min(max(1, a_round // a_item), history.problem.items - begin))
        if count * a_item > history.problem.max_calls - history.calls:
            return None
        return Proposal(configurations=alive, items=np.arange(begin, begin + count), why="the better half goes on")

    def choose(self, history: History) -> int:
        if not history.rounds:
            return history.best()
        alive = self._alive(history)
        return int(alive[means_of(history, alive).argmax()])

    def _alive(self, history: History) -> Indices:
        alive = candidates(history)
        for played in history.rounds:
            means = means_of(history, played.configurations)
            order = np.argsort(-means, kind="stable")[: (len(means) + 1) // 2]
            alive = np.sort(played.configurations[order])
        return alive


@dataclass(frozen=True, slots=True, kw_only=True)
class Elimination:
    """Every arm still alive gets the next items; one drops out when its interval lies below the best one's."""

    batch: int = 5
    width: float = 1.0

    async def propose(self, history: History) -> Proposal | None:
        alive = self._alive(history)
        begin = int(counts_of(history, alive).min()) if history.rounds else 0
        left = (history.problem.max_calls - history.calls) // history.problem.draws(alive)
        count = int(min(self.batch, history.problem.items - begin, left))
        if count < 1 or (len(alive) == 1 and history.rounds):
            return None
        return Proposal(configurations=alive, items=np.arange(begin, begin + count), why="not yet below the best")

    def choose(self, history: History) -> int:
        if not history.rounds:
            return history.best()
        alive = self._alive(history)
        return int(alive[means_of(history, alive).argmax()])

    def _alive(self, history: History) -> Indices:
        if not history.rounds:
            return candidates(history)
        alive = history.rounds[-1].configurations
        means, counts = means_of(history, alive), counts_of(history, alive)
        chance = (means * counts + 1) / (counts + 2)
        error = self.width * np.sqrt(chance * (1 - chance) / counts)
        return alive[means + error >= (means - error).max()]
