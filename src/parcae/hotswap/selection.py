"""Choose policies on some tasks, report them on others: nested folds over the space of `hotswap.ladders`.

For each outer fold: beliefs are fitted on the other folds; policies are chosen there with beliefs that were fitted
without the task that they are judged on; the held-out fold is only played. A way of drawing (an opening and how gains
fade) is judged by what it keeps around a budget, not by its best point, and the lead follows from the budget alone: the
best of a thousand points on 130 tasks is mostly luck. Knows nothing of other curves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from parcae.hotswap.climb import Climb
from parcae.hotswap.ladders import (
    BELIEF,
    Ladder,
    Opening,
    States,
    believed,
    board_of,
    gain_at_tie,
    rows_of,
    space,
)
from parcae.prediction.belief import Belief, Floats, fit_belief

FIT_DRAWS, FIT_COUNTS = 5, (0, 1, 2, 3, 5, 8)
AROUND = np.linspace(-0.2, 0.2, 9)  # where a way is judged: so many target attempts beside the budget
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A policy that was chosen for a budget, and how it did where it was chosen."""

    ladder: Ladder
    climb: Climb
    performance: float
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What one set of training tasks gives: a belief for each opening, and a policy for each budget."""

    beliefs: Mapping[Opening, Belief]
    attempt_usd: float
    chosen: tuple[Chosen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One budget over all tasks: (N,) means over draws of success and US dollars, and each fold's policy."""

    success: Floats
    cost_usd: Floats
    by_fold: Mapping[int, Chosen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The states of all tasks under each opening, with the tasks' folds (N,)."""

    target: str
    states: Mapping[Opening, Sequence[States]]
    folds: np.ndarray[tuple[int], np.dtype[np.int64]]

    def models(self, opening: Opening) -> tuple[str, ...]:
        """The ladder under `opening`."""
        return (*(model for model, _ in opening.first), self.target)


def fit_folds(table: Table, budgets_usd: Sequence[float], *, say: Say = lambda line: None) -> dict[int, Fitted]:
    """For each fold what the other folds give, for every budget (mean US dollars a task)."""
    fitted = {}
    for fold in sorted(set(table.folds.tolist())):
        train = np.flatnonzero(table.folds != fold)
        fitted[fold] = fit(table, train, budgets_usd)
        say(f"fold {fold}: chosen on the {len(train)} tasks of the others")
    return fitted


def held_out(table: Table, fitted: Mapping[int, Fitted]) -> list[Played]:
    """For every budget of `fitted` its play, each fold by what the others gave."""
    count = len(next(iter(fitted.values())).chosen)
    success, cost = np.zeros((count, len(table.folds))), np.zeros((count, len(table.folds)))
    for fold, one in fitted.items():
        test = np.flatnonzero(table.folds == fold)
        for row, chosen in enumerate(one.chosen):
            success[row, test], cost[row, test] = play(table, one, chosen, test)
    return [
        Played(
            success=success[row], cost_usd=cost[row], by_fold={fold: one.chosen[row] for fold, one in fitted.items()}
        )
        for row in range(count)
    ]


def fit(table: Table, train: np.ndarray[tuple[int], np.dtype[np.int64]], budgets_usd: Sequence[float]) -> Fitted:
    """Fit beliefs on the tasks `train`, and choose for each budget the policy that solves most of them within it."""
    inner = table.folds[train]
    some = next(iter(table.states.values()))
    attempt_usd = float(np.mean([some[i].attempt_usd[:, -1].mean() for i in train.tolist()]))
    beliefs, results = {}, _Results()
    for opening, states in table.states.items():
        own = [states[i] for i in train.tolist()]
        unseen: list[Floats] = [np.empty(0)] * len(own)
        for fold in sorted(set(inner.tolist())):
            kept = belief_of(table.models(opening), [one for one, at in zip(own, inner, strict=True) if at != fold])
            for place in np.flatnonzero(inner == fold).tolist():
                unseen[place] = kept.of(own[place].seen)
        beliefs[opening] = belief_of(table.models(opening), own)
        results.play_all(opening, own, unseen, attempt_usd)
    return Fitted(beliefs=beliefs, attempt_usd=attempt_usd, chosen=tuple(results.best(b) for b in budgets_usd))


def play(
    table: Table, fitted: Fitted, chosen: Chosen, tasks: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> tuple[Floats, Floats]:
    """(success, US dollars) of `chosen` on `tasks`, means over draws, (len(tasks),) each."""
    opening = chosen.ladder.opening
    states = [table.states[opening][i] for i in tasks.tolist()]
    board = board_of(states, believed(fitted.beliefs[opening], states), chosen.ladder.belief, fitted.attempt_usd)
    right, cost = board.play(chosen.ladder)
    return right.mean(axis=1), cost.mean(axis=1)


def belief_of(models: tuple[str, ...], states: Sequence[States]) -> Belief:
    """A belief about the names of `states`, every task counting alike.

    Where all names are right, all wrong, or none was given, nothing tells them apart: all are believed alike.
    """
    parts = [rows_of(one, draws=FIT_DRAWS, counts=FIT_COUNTS) for one in states]
    rows, right, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(rows) or right.min() == right.max():
        return _alike(models, rows.shape[1], (weights @ right + 1) / (weights.sum() + 2))
    return fit_belief(models, rows, right, weights)


def _alike(models: tuple[str, ...], features: int, probability: float) -> Belief:
    """Every name is right with `probability`."""
    weights = np.zeros(features + 1)
    weights[-1] = np.log(probability / (1 - probability))
    return Belief(models=models, means=np.zeros(features), scales=np.ones(features), weights=weights)


@dataclass(slots=True)
class _Way:
    """One way of drawing on the training tasks: its policies with their mean success and US dollars, cheapest first."""

    gain: float
    attempt_usd: float
    ladders: list[Ladder] = field(default_factory=list)
    success: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)

    def around(self, budget_usd: float) -> float:
        """What it keeps, on average, around the budget."""
        return float(np.interp(budget_usd + AROUND * self.attempt_usd, self.cost, self.success).mean())

    def within(self, budget_usd: float) -> Chosen:
        """Its dearest policy within the budget, or the cheapest of all."""
        at = max(0, int(np.searchsorted(self.cost, budget_usd, side="right")) - 1)
        ladder = self.ladders[at]
        climb = ladder.climb(gain=self.gain, attempt_usd=self.attempt_usd)
        return Chosen(ladder=ladder, climb=climb, performance=self.success[at], cost_usd=self.cost[at])


@dataclass(slots=True)
class _Results:
    """How every policy of the space did on the training tasks."""

    ways: list[_Way] = field(default_factory=list)

    def play_all(self, opening: Opening, states: Sequence[States], p: Sequence[Floats], attempt_usd: float) -> None:
        board = board_of(states, p, BELIEF, attempt_usd)
        for fades, ladders in groupby(space([opening], states[0].cost_usd.shape[1] - 1), lambda one: one.fades):
            way = _Way(gain=gain_at_tie(board, fades), attempt_usd=attempt_usd)
            for ladder in ladders:  # a larger lead never costs less
                right, cost = board.play(ladder)
                way.ladders.append(ladder)
                way.success.append(float(right.mean()))
                way.cost.append(float(cost.mean()))
            self.ways.append(way)

    def best(self, budget_usd: float) -> Chosen:
        """The way that keeps most around the budget, at the lead that the budget pays for; else the cheapest policy."""
        fits = [way for way in self.ways if way.cost[0] <= budget_usd]
        if fits:
            return max(fits, key=lambda way: way.around(budget_usd)).within(budget_usd)
        return min(self.ways, key=lambda way: way.cost[0]).within(budget_usd)
