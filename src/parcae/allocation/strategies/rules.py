"""AgentTTS without a language model: its three insights as rules.

First the trials of the paper's Eq. 5 (insight 1). Then, from the best trial so far, each stage's samples are doubled
until that stops helping (insight 2), and whatever changes upstream puts the models downstream on trial again (insight
3). A trial is scored on all items. Source: AgentTTS (arXiv:2508.00890), sections 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parcae.allocation.history import History, Proposal
from parcae.allocation.problem import Problem
from parcae.allocation.project import every_item, nearest, unseen
from parcae.allocation.space import Choice

ALL = frozenset({1, 2, 3})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`batch`: trials a round; `insights`: which of the three are used (all, but for ablations)."""

    batch: int = 10
    insights: frozenset[int] = ALL

    async def propose(self, history: History) -> Proposal | None:
        """The initial trials, then neighbours of the best one until none is left that a rule wants."""
        if not history.rounds:
            start = initial_trials(history.problem) if 1 in self.insights else [_smallest(history.problem)]
            fresh = unseen(history, start)
            why = "insight 1: every model of a stage at equal cost (Eq. 5)"
            return _proposal(history, fresh, why)
        best = history.best()
        wanted: list[int] = []
        if 2 in self.insights:
            wanted += self._more_samples(history, best)
        if 3 in self.insights:
            wanted += self._downstream_models(history, best)
        if not wanted or not unseen(history, wanted):
            wanted += self._neighbours(history, best)
        fresh = unseen(history, wanted)[: self.batch]
        rule = "more samples until a stage levels off (insight 2), models downstream again (insight 3)"
        return _proposal(history, fresh, f"from trial {history.problem.space.describe(best)}: {rule}")

    def choose(self, history: History) -> int:
        """The best mean."""
        return history.best()

    def _more_samples(self, history: History, best: int) -> list[int]:
        space = history.problem.space
        choices = space.choices(best)
        moves = []
        for place, (stage, choice) in enumerate(zip(space.stages, choices, strict=True)):
            for factor in (2.0, 0.5):
                size = nearest(stage.samples, choice.samples * factor)
                moves.append(_with(choices, place, Choice(model=choice.model, samples=size)))
        return [space.number(move) for move in moves]

    def _downstream_models(self, history: History, best: int) -> list[int]:
        space = history.problem.space
        choices = space.choices(best)
        return [
            space.number(_with(choices, place, Choice(model=model, samples=choices[place].samples)))
            for place, stage in enumerate(space.stages)
            if place
            for model in stage.models
        ]

    def _neighbours(self, history: History, best: int) -> list[int]:
        """One step in any stage: what is left when no insight has a wish."""
        space = history.problem.space
        choices = space.choices(best)
        moves = []
        for place, (stage, choice) in enumerate(zip(space.stages, choices, strict=True)):
            at = stage.samples.index(choice.samples)
            steps = [Choice(model=choice.model, samples=size) for size in stage.samples[max(at - 1, 0) : at + 2]]
            steps += [Choice(model=model, samples=choice.samples) for model in stage.models]
            moves += [space.number(_with(choices, place, step)) for step in steps]
        return moves


def initial_trials(problem: Problem) -> list[int]:
    """Insight 1 (Eq. 5): for each stage all of its models at the cost of the largest with one sample, others largest.

    Where the largest models do not fit together, the largest of all is stepped down until they do. Size is the number
    of parameters where it is known, else the cost.
    """
    space = problem.space
    order = [_by_size(problem, place) for place in range(len(space.stages))]
    rank = [0] * len(space.stages)
    while not problem.fits(_single(problem, order, rank)):
        steppable = [place for place in range(len(rank)) if rank[place] + 1 < len(order[place])]
        if not steppable:
            return [_smallest(problem)]
        dearest = max(steppable, key=lambda place: _stage_cost(problem, order, rank, place))
        rank[dearest] += 1
    base = space.choices(_single(problem, order, rank))
    allowed = problem.costs[space.number(base)]
    trials = [space.number(base)]
    for place, stage in enumerate(space.stages):
        for model in stage.models:
            options = [space.number(_with(base, place, Choice(model=model, samples=size))) for size in stage.samples]
            within = [one for one in options if not problem.costs[one] > allowed * (1 + 1e-9)]
            if within and within[-1] not in trials:
                trials.append(within[-1])
    return trials


def _by_size(problem: Problem, place: int) -> list[int]:
    """Model indices of a stage, largest first."""
    stage = problem.space.stages[place]
    known = [size for size in stage.parameters if size is not None]
    if len(known) == len(stage.models):
        return [int(one) for one in np.argsort([-size for size in known], kind="stable")]
    lowest = problem.space.choices(0)
    costs = [
        problem.costs[problem.space.number(_with(lowest, place, Choice(model=model, samples=stage.samples[0])))]
        for model in stage.models
    ]
    return [int(one) for one in np.argsort([-cost for cost in np.nan_to_num(costs)], kind="stable")]


def _single(problem: Problem, order: list[list[int]], rank: list[int]) -> int:
    stages = problem.space.stages
    return problem.space.number(
        [
            Choice(model=stage.models[order[place][rank[place]]], samples=stage.samples[0])
            for place, stage in enumerate(stages)
        ]
    )


def _stage_cost(problem: Problem, order: list[list[int]], rank: list[int], place: int) -> float:
    """How much is saved by the next smaller model in a stage."""
    lower = rank.copy()
    lower[place] += 1
    return float(problem.costs[_single(problem, order, rank)] - problem.costs[_single(problem, order, lower)])


def _smallest(problem: Problem) -> int:
    return int(problem.feasible[0]) if np.isnan(problem.costs).all() else problem.cheapest


def _with(choices: tuple[Choice, ...], place: int, choice: Choice) -> tuple[Choice, ...]:
    return (*choices[:place], choice, *choices[place + 1 :])


def _proposal(history: History, configurations: list[int], why: str) -> Proposal | None:
    if not configurations:
        return None
    return Proposal(configurations=np.array(configurations), items=every_item(history), why=why)
