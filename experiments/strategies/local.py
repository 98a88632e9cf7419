"""Coordinate search and an evolutionary search: a trial on all items, no prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parcae.allocation.history import History, Proposal
from parcae.allocation.project import every_item, unseen
from parcae.allocation.space import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinate:
    """From the best trial, one stage at a time: every model, then every number of samples, of that stage."""

    seed: int = 0

    async def propose(self, history: History) -> Proposal | None:
        space, rng = history.problem.space, np.random.default_rng([self.seed, len(history.rounds)])
        if not history.rounds:
            start = int(rng.choice(history.problem.feasible))
            return Proposal(configurations=np.array([start]), items=every_item(history), why="a random start")
        best = space.choices(history.best())
        stages = len(space.stages)
        for turn in range(2 * stages):
            place, by_model = (len(history.rounds) + turn) // 2 % stages, (len(history.rounds) + turn) % 2
            stage = space.stages[place]
            moves = (
                [Choice(model=model, samples=best[place].samples) for model in stage.models]
                if by_model
                else [Choice(model=best[place].model, samples=size) for size in stage.samples]
            )
            fresh = unseen(history, [space.number((*best[:place], move, *best[place + 1 :])) for move in moves])
            if fresh:
                return Proposal(configurations=np.array(fresh), items=every_item(history), why=f"along {stage.name}")
        return None

    def choose(self, history: History) -> int:
        return history.best()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolution:
    """Parents are the better of two trials; children cross two parents stage by stage and mutate one choice."""

    seed: int = 0
    first: int = 8
    children: int = 6

    async def propose(self, history: History) -> Proposal | None:
        problem, table = history.problem, history.table
        rng = np.random.default_rng([self.seed, len(history.rounds)])
        left = np.setdiff1d(problem.feasible, table.configurations)
        if not len(left):
            return None
        wanted = self.first if not history.rounds else self.children
        found: list[int] = []
        for _ in range(wanted * 5):
            child = int(rng.choice(left)) if not history.rounds else self._child(history, rng)
            found = unseen(history, [*found, child])
            if len(found) == wanted:
                break
        found = found or [int(rng.choice(left))]
        return Proposal(configurations=np.array(found), items=every_item(history), why="children of the better trials")

    def choose(self, history: History) -> int:
        return history.best()

    def _child(self, history: History, rng: np.random.Generator) -> int:
        table, space = history.table, history.problem.space
        parents = []
        for _ in range(2):
            pair = rng.integers(len(table.configurations), size=2)
            better = pair[int(table.means[pair].argmax())]
            parents.append(space.choices(int(table.configurations[better])))
        genes = [parents[int(rng.integers(2))][place] for place in range(len(space.stages))]
        place = int(rng.integers(len(genes)))
        stage = space.stages[place]
        genes[place] = Choice(model=str(rng.choice(stage.models)), samples=int(rng.choice(stage.samples)))
        return space.number(genes)
