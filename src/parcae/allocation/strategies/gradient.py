"""Spend a fixed number of draws where they change the recommendation most: the knowledge gradient over a belief.

For configurations whose outcomes are drawn each for itself. Each item goes to the configuration whose outcome would
move the choice most; the belief shares what one configuration shows with those that share its models.
Source: Frazier, Powell and Dayanik 2009 (the correlated knowledge gradient); ours sums over rivals of the leader.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.belief import Belief, believe, normal_loss
from parcae.allocation.costs import Floats
from parcae.allocation.history import History, Proposal
from parcae.allocation.space import Indices

MOST = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeGradient:
    """`first`: draws of every configuration before beliefs count; `step`: draws of one before thinking again."""

    first: int = 4
    step: int = 20

    async def propose(self, history: History) -> Proposal | None:
        """First every configuration on a few items, then one configuration on its next items."""
        problem = history.problem
        arms = candidates(history)
        left = problem.max_calls - history.calls
        if not history.rounds:
            first = int(min(self.first, max(1, left // len(arms)), problem.items))
            return Proposal(configurations=arms, items=np.arange(first), why="every configuration on a few items")
        counts = _counts(history, arms)
        room = counts < problem.items
        if not room.any():
            return None
        belief = current_belief(history, arms)
        ahead = min(left, float(problem.items) * len(arms)) / 8
        worth = np.where(room, gain(belief, _variances(history, arms), max(float(self.step), ahead)), -1.0)
        place = int(worth.argmax())
        take = int(min(self.step, left, problem.items - counts[place]))
        begin = int(counts[place])
        leader = int(belief.mean.argmax())
        return Proposal(
            configurations=arms[place : place + 1],
            items=np.arange(begin, begin + take),
            why=f"more draws of configuration {arms[place]} could change the choice of {arms[leader]}",
        )

    def choose(self, history: History) -> int:
        """The highest believed score."""
        arms = candidates(history)
        if not history.rounds:
            return history.best()
        return int(arms[int(current_belief(history, arms).mean.argmax())])


def candidates(history: History) -> Indices:
    """The affordable configurations without a failed arm, thinned evenly to at most 600."""
    space, arms = history.problem.space, history.problem.feasible
    failed = history.failed()
    if failed:
        models, _ = space.digits(arms)
        for place, stage in enumerate(space.stages):
            bad = [k for k, model in enumerate(stage.models) if (stage.name, model) in failed]
            arms = arms[~np.isin(models[place], bad)]
            models, _ = space.digits(arms)
    return arms if len(arms) <= MOST else arms[np.linspace(0, len(arms) - 1, MOST).astype(np.int64)]


def current_belief(history: History, arms: Indices) -> Belief:
    """The belief about `arms` from all scores so far."""
    table = history.table
    places = np.searchsorted(table.configurations, arms).clip(0, len(table.configurations) - 1)
    seen = np.flatnonzero((table.configurations[places] == arms) & (table.counts[places] > 0))
    rows = places[seen]
    noise = smoothed_variance(table.means[rows], table.counts[rows]) / table.counts[rows]
    return believe(history.problem.space, arms, seen, table.means[rows], noise)


def smoothed_variance(means: Floats, counts: NDArray[np.int64]) -> Floats:
    """Variance of one outcome with this mean, never below that of a nearly sure one."""
    chance = (means * counts + 1.0) / (counts + 2.0)
    return np.asarray(np.maximum(chance * (1.0 - chance), 0.02), dtype=np.float64)


def gain(belief: Belief, variances: Floats, draws: float) -> Floats:
    """What `draws` more outcomes of each configuration are worth: expected rise over the leader, summed over rivals."""
    leader = int(belief.mean.argmax())
    behind = belief.mean[leader] - belief.mean
    moves = belief.covariance - belief.covariance[:, [leader]]
    scale = np.abs(moves) / np.sqrt(np.diag(belief.covariance) + variances / draws)[:, None]
    worth = scale * normal_loss(behind / np.maximum(scale, 1e-9))
    worth[:, leader] = 0.0
    return np.asarray(worth.sum(axis=1), dtype=np.float64)


def _counts(history: History, arms: Indices) -> NDArray[np.int64]:
    table = history.table
    places = np.searchsorted(table.configurations, arms).clip(0, len(table.configurations) - 1)
    return np.where(table.configurations[places] == arms, table.counts[places], 0)


def _variances(history: History, arms: Indices) -> Floats:
    belief_free = np.nan_to_num(_means(history, arms), nan=0.5)
    return smoothed_variance(belief_free, _counts(history, arms))


def _means(history: History, arms: Indices) -> Floats:
    table = history.table
    places = np.searchsorted(table.configurations, arms).clip(0, len(table.configurations) - 1)
    return np.where(table.configurations[places] == arms, table.means[places], np.nan)
