"""What a search asked and what came of it. The history is the whole state: strategies are functions of it.

Knows nothing of how anything is run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.costs import Floats
from parcae.allocation.problem import Problem
from parcae.allocation.space import Indices

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What to run next: each of `configurations` on each of `items`. `why` names the guideline and trials behind it."""

    configurations: Indices
    items: Indices
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A proposal that was run.

    `scores`: shape (configurations, items), in [0, 1]; NaN where a provider failed. `costs`: the same shape, what one
    pass of the configuration over the item costs. `calls` counts only samples that nobody had drawn before, and
    `spent` what these cost. `failed` names (stage, model) pairs that were given up.
    """

    configurations: Indices
    items: Indices
    scores: Scores
    costs: Scores | None = None
    calls: int = 0
    spent: float = 0.0
    why: str = ""
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Table:
    """Scores by configuration and item, so far.

    `configurations`: shape (K,), ascending, those that were run at all. `scores`: float64, shape (K, items), NaN where
    nothing is known; a later round replaces what an earlier one said. `fresh`: the same, but only scores from the first
    round that used an item: what the choice of round could not have looked at, so what a promise may rest on.
    """

    configurations: Indices
    scores: Scores
    fresh: Scores

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How many items each configuration was scored on; shape (K,)."""
        return np.asarray((~np.isnan(self.scores)).sum(axis=1), dtype=np.int64)

    @cached_property
    def means(self) -> Floats:
        """Mean score of each configuration; NaN without a score; shape (K,)."""
        sums = np.nansum(self.scores, axis=1)
        means: Floats = np.divide(sums, self.counts, out=np.full(len(sums), np.nan), where=self.counts > 0)
        return means

    def row(self, configuration: int) -> Scores:
        """Its scores by item; all NaN if it was never run."""
        place = int(np.searchsorted(self.configurations, configuration))
        if place < len(self.configurations) and self.configurations[place] == configuration:
            return np.asarray(self.scores[place], dtype=np.float64)
        return np.full(self.scores.shape[1], np.nan)


@dataclass(frozen=True, kw_only=True)
class History:
    """The rounds of one search, in order, and the table that they add up to."""

    problem: Problem
    rounds: tuple[Round, ...] = ()
    table: Table
    calls: int = 0
    spent: float = 0.0

    @classmethod
    def empty(cls, problem: Problem) -> History:
        """Nothing was run yet."""
        blank = np.empty((0, problem.items))
        nothing = Table(configurations=np.empty(0, np.int64), scores=blank, fresh=blank)
        return cls(problem=problem, table=nothing)

    def told(self, played: Round) -> History:
        """This history after one more round."""
        return replace(
            self,
            rounds=(*self.rounds, played),
            table=_merged(self.table, played),
            calls=self.calls + played.calls,
            spent=self.spent + played.spent,
        )

    @property
    def used_up(self) -> bool:
        """Whether the search has spent what it may."""
        return self.calls >= self.problem.max_calls or self.spent >= self.problem.max_cost

    @cached_property
    def depths(self) -> tuple[Floats, ...]:
        """For each stage the most samples of each model that any score of an item rests on; (models, items) each."""
        models, places = self.problem.space.digits(self.table.configurations)
        known = ~np.isnan(self.table.scores)
        found = []
        for row, place, stage in zip(models, places, self.problem.space.stages, strict=True):
            sizes = np.asarray(stage.samples, dtype=np.float64)[place]
            deepest = np.zeros((len(stage.models), self.problem.items))
            for model in np.unique(row):
                own = row == model
                deepest[model] = (known[own] * sizes[own, None]).max(axis=0)
            found.append(deepest)
        return tuple(found)

    def failed(self) -> frozenset[tuple[str, str]]:
        """The (stage, model) pairs that were given up."""
        return frozenset(pair for played in self.rounds for pair in played.failed)

    def best(self) -> int:
        """The affordable configuration with the highest mean among those scored on the most items.

        A configuration on fewer items than half of the most is passed over while there are others: a lucky start is
        not a score. The cheapest affordable one if nothing was scored.
        """
        table, problem = self.table, self.problem
        known = np.flatnonzero((table.counts > 0) & np.isin(table.configurations, problem.feasible))
        if not len(known):
            costs = problem.costs[problem.feasible]
            return int(problem.feasible[0 if np.isnan(costs).all() else np.nanargmin(costs)])
        enough = known[table.counts[known] * 2 >= table.counts[known].max()]
        order = np.lexsort((problem.costs[table.configurations[enough]], -table.means[enough]))
        return int(table.configurations[enough[order[0]]])


def _merged(table: Table, played: Round) -> Table:
    ids = np.union1d(table.configurations, played.configurations)
    scores, fresh = table.scores.copy(), table.fresh.copy()
    used = np.asarray((~np.isnan(table.scores)).any(axis=0))
    if len(ids) != len(table.configurations):
        places = np.searchsorted(ids, table.configurations)
        scores = np.full((len(ids), table.scores.shape[1]), np.nan)
        fresh = scores.copy()
        scores[places], fresh[places] = table.scores, table.fresh
    rows = np.searchsorted(ids, played.configurations)
    scores[np.ix_(rows, played.items)] = played.scores
    new = ~used[played.items]
    fresh[np.ix_(rows, played.items[new])] = played.scores[:, new]
    return Table(configurations=ids, scores=scores, fresh=fresh)
