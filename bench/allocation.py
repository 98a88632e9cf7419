"""Speed of the allocation per CPU second: costs, a step at 2,000 trials, evaluation of every S up to 64."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np

from parcae.allocation.costs import configuration_costs
from parcae.allocation.history import History, Round
from parcae.allocation.problem import Problem
from parcae.allocation.replay import majority
from parcae.allocation.space import Space, StageSpace
from parcae.allocation.strategies.race import Race
from parcae.allocation.strategies.random_search import RandomSearch
from parcae.allocation.strategies.rules import Rules
from parcae.allocation.strategies.tpe import Tpe
from parcae.allocation.strategy import Strategy


def space() -> Space:
    samples = tuple(range(1, 21))
    return Space(
        stages=tuple(
            StageSpace(name=name, models=("a", "b", "c", "d", "e"), samples=samples) for name in ("x", "y", "z")
        )
    )


def costs_a_second() -> float:
    here = space()
    rng = np.random.default_rng(1)
    stages = [rng.random((5, 20)) for _ in here.stages]
    begun = time.process_time()
    total = configuration_costs(here, stages)
    return len(total) / (time.process_time() - begun)


def step_milliseconds(strategy: Strategy, trials: int = 2000) -> float:
    two = Space(stages=space().stages[:2])
    rng = np.random.default_rng(2)
    problem = Problem(space=two, costs=rng.random(two.size), items=20, max_calls=1e9)
    history = History.empty(problem)
    ids = rng.permutation(two.size)[:trials]
    for part in np.array_split(ids, 20):
        scores = (rng.random((len(part), 20)) < 0.5).astype(float)
        history = history.told(Round(configurations=part, items=np.arange(20), scores=scores, calls=len(part)))
    asyncio.run(strategy.propose(history))  # what is built once
    begun = time.process_time()
    for _ in range(5):
        asyncio.run(strategy.propose(history))
    return (time.process_time() - begun) / 5 * 1e3


def every_s_seconds() -> float:
    rng = np.random.default_rng(3)
    answers = rng.integers(-1, 12, (500, 64))
    right = np.zeros((500, 12), dtype=bool)
    right[:, 0] = True
    begun = time.process_time()
    majority(answers, right, np.arange(1, 65), rng)
    return time.process_time() - begun


def main() -> None:
    found: dict[str, float] = {
        "configuration_costs_per_second": costs_a_second(),
        "all_s_up_to_64_over_500_items_seconds": every_s_seconds(),
    }
    strategies: dict[str, Strategy] = {"race": Race(), "random": RandomSearch(), "rules": Rules(), "tpe": Tpe()}
    for name, strategy in strategies.items():
        found[f"step_at_2000_trials_milliseconds_{name}"] = step_milliseconds(strategy)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
