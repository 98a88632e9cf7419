"""Forecasts by way of names: how likely is each name that was answered to be right, and so the vote that it leads?

A forest over features of single names learns from every name that any attempt gave, not from one verdict a task; it is
the frontier's belief with more features and for moments at which attempts still run. Score: 1 - (p of the leader +
mean p of all names, weighted by their squared votes) / 2. Knows nothing of where names and verdicts come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parcae.graphs.features import ended_share, log_names, task_size, task_tests
from parcae.graphs.names import NAME_FEATURES, leader_of
from parcae.graphs.tally import Tally
from parcae.prediction.heads import Trees
from parcae.prediction.metrics import Bools, Floats

CONTEXT = (task_size, task_tests, ended_share, log_names)  # of the task and the group: the same for all names
WIDTH = len(NAME_FEATURES) + len(CONTEXT) + 1
NOTHING_NAMED = 0.9  # how likely a vote is to be wrong where nobody named anything and no candidates are known


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTable:
    """The names of one prefix: `features` (K, WIDTH), `votes` (K,), and which of them leads; K may be 0."""

    names: tuple[str, ...]
    features: Floats
    votes: Floats
    leader: int


def table_of(tally: Tally) -> NameTable:
    """Every name that was answered; where none was, the candidate that would win without votes."""
    leader = leader_of(tally)
    names = tuple(sorted(tally.votes)) or (() if leader is None else (leader,))
    context = [feature(tally) for feature in CONTEXT]
    rows = [
        [*(feature(tally, name) for feature in NAME_FEATURES.values()), *context, float(name == leader)]
        for name in names
    ]
    return NameTable(
        names=names,
        features=np.array(rows).reshape(len(names), WIDTH),
        votes=np.array([tally.votes.get(name, 0.0) for name in names]),
        leader=0 if leader is None else names.index(leader),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """A fitted forest over rows of NameTables; its leaves hold how many of their names were right."""

    trees: Trees

    def right(self, table: NameTable) -> Floats:
        """How likely each name is to be right, (K,)."""
        return self.trees.scores(table.features)

    def score(self, table: NameTable) -> float:
        """How likely failure looks, in [0, 1]."""
        if not table.names:
            return NOTHING_NAMED
        right, weights = self.right(table), table.votes**2
        if not weights.sum():
            return float(1 - right[table.leader])
        return float(1 - (right[table.leader] + (weights * right).sum() / weights.sum()) / 2)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All that it is made of."""
        return self.trees.arrays()


def stacked(tables: Sequence[NameTable], right: Sequence[frozenset[str]]) -> tuple[Floats, Bools, Floats]:
    """Rows to fit on: features, is the name right, and weights: every table counts alike."""
    kept = [(table, own) for table, own in zip(tables, right, strict=True) if table.names]
    features = np.concatenate([table.features for table, _ in kept]) if kept else np.zeros((0, WIDTH))
    verdicts = np.array([name in own for table, own in kept for name in table.names], dtype=bool)
    weights = np.array([1 / len(table.names) for table, _ in kept for _ in table.names])
    return features, verdicts, weights
