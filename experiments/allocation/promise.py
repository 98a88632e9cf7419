"""Does the promise hold? Simulated searches with ties, null differences and gaps; and does it answer when it said?

Violation: the search says "within epsilon" and its choice is more than epsilon below the best. The long form plays
2,000 searches. `python experiments/allocation/promise.py`
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from math import comb

import numpy as np
from experiments.allocation.compare import Part, Played, over_seeds, part_of, write
from numpy.typing import NDArray

from parcae.allocation.costs import Floats
from parcae.allocation.history import History, Proposal, Round
from parcae.allocation.problem import Problem
from parcae.allocation.space import Space, StageSpace
from parcae.allocation.strategies.race import Race, standing_promise
from parcae.allocation.strategy import search

EPSILON, DELTA, ARMS = 0.1, 0.05, 6
MOST_ITEMS = 1500
WORLDS = ("all equal", "two tie at the top", "just over epsilon apart", "anywhere", "gap of two epsilon")


def truths(world: str, rng: np.random.Generator) -> Floats:
    base = rng.uniform(0.2, 0.6)
    if world == "all equal":
        found = np.full(ARMS, base)
    elif world == "two tie at the top":
        found = base - rng.uniform(0.0, 0.2, ARMS)
        found[:2] = base
    elif world == "just over epsilon apart":
        found = np.full(ARMS, base - EPSILON - 0.002)
        found[0] = base
    elif world == "anywhere":
        found = rng.uniform(0.1, 0.9, ARMS)
    else:
        found = np.full(ARMS, base)
        found[0] = base + 2 * EPSILON
    return rng.permutation(found)


@dataclass(kw_only=True)
class Coins:
    """Outcomes at `truth`; `together`: one difficulty an item for all, so that differences are paired."""

    truth: Floats
    items: int
    rng: np.random.Generator
    together: bool
    outcomes: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        hardness = self.rng.random(self.items)
        own = self.rng.random((len(self.truth), self.items))
        mixed = np.where(self.rng.random((len(self.truth), self.items)) < 0.6, hardness, own)
        self.outcomes = (mixed if self.together else own) < self.truth[:, None]

    async def run(self, proposal: Proposal) -> Round:
        scores = self.outcomes[np.ix_(proposal.configurations, proposal.items)].astype(np.float64)
        return Round(configurations=proposal.configurations, items=proposal.items, scores=scores, calls=scores.size)


def problem(items: int, seed: int) -> Problem:
    stage = StageSpace(name="answer", models=tuple(f"model-{k}" for k in range(ARMS)))
    return Problem(
        space=Space(stages=(stage,)), costs=np.ones(ARMS), items=items, epsilon=EPSILON, delta=DELTA, seed=seed
    )


def one_search(seed: int) -> dict[str, Played]:
    """regret 1: a violation; calls: items used; choice: 1 if it answered."""
    world = WORLDS[seed % len(WORLDS)]
    rng = np.random.default_rng([23, seed])
    coins = Coins(truth=truths(world, rng), items=MOST_ITEMS, rng=rng, together=bool(seed // len(WORLDS) % 2))
    history = asyncio.run(search(problem(MOST_ITEMS, seed), Race(), coins))
    said = standing_promise(history)
    wrong = said.reached and coins.truth.max() - coins.truth[Race().choose(history)] > EPSILON + 1e-12
    return {"search": Played(regret=float(wrong), calls=said.items, choice=int(said.reached))}


def announced(seed: int) -> dict[str, Played]:
    """With a true gap of two epsilon: look after 64 items, then allow as many more as were announced."""
    rng = np.random.default_rng([29, seed])
    coins = Coins(truth=truths("gap of two epsilon", rng), items=20_000, rng=rng, together=bool(seed % 2))
    first = asyncio.run(search(problem(64, seed), Race(), coins))
    said = standing_promise(first)
    if said.reached:
        return {"announced": Played(regret=0.0, calls=said.items, choice=1)}
    allowed = problem(64 + said.more_items, seed)
    later = asyncio.run(search(allowed, Race(), coins, history=carried_over(first, allowed)))
    return {"announced": Played(regret=0.0, calls=64 + said.more_items, choice=int(standing_promise(later).reached))}


def carried_over(history: History, wider: Problem) -> History:
    """The same rounds under a problem with more items."""
    fresh = History.empty(wider)
    for played in history.rounds:
        fresh = fresh.told(played)
    return fresh


def binomial_tail(violations: int, searches: int, chance: float) -> float:
    """P(at least `violations` of `searches`) if each has `chance`."""
    below = sum(comb(searches, k) * chance**k * (1 - chance) ** (searches - k) for k in range(violations))
    return max(0.0, 1.0 - below)


def table(part: Part) -> dict[str, object]:
    searches, gaps = part.seeds, max(part.seeds // 5, 20)
    played = over_seeds(one_search, range(searches), name="promise", part=part)["search"]
    kept = over_seeds(announced, range(gaps), name="promise-announced", part=part)["announced"]
    violations = int(sum(one.regret for one in played))
    return {
        "searches": searches,
        "epsilon": EPSILON,
        "delta": DELTA,
        "violations": violations,
        "p_value_of_more_than_delta": binomial_tail(violations, searches, DELTA),
        "answered_by_world": {
            world: float(np.mean([one.choice for one in played[place :: len(WORLDS)]]))
            for place, world in enumerate(WORLDS)
        },
        "violations_by_world": {
            world: int(sum(one.regret for one in played[place :: len(WORLDS)])) for place, world in enumerate(WORLDS)
        },
        "gap_of_two_epsilon": {
            "runs": gaps,
            "answered_by_the_items_announced": float(np.mean([one.choice for one in kept])),
            "mean_items_announced": float(np.mean([one.calls for one in kept])),
        },
    }


def main() -> None:
    write("allocation-promise", table(part_of(sys.argv[1:], seeds=2000)))


if __name__ == "__main__":
    main()
