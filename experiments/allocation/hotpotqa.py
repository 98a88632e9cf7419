"""AgentOpt's HotpotQA grid: 81 configurations, outcomes drawn at the recorded accuracies, regret against calls.

The unit is exhaustive search, 81 x 200 draws; the others may use 15 % of it, and may draw a configuration more than 200
times. `python -m experiments.allocation.hotpotqa [seeds]`
"""

from __future__ import annotations

import sys
from functools import cache

from experiments.allocation.compare import (
    Part,
    Played,
    over_seeds,
    paired_difference,
    part_of,
    play,
    summary,
    write,
)
from experiments.allocation.landscapes import Grid, GridEnvironment, hotpotqa
from experiments.strategies.elimination import Elimination, Halving
from experiments.strategies.gp import GpEi

from parcae.allocation.strategies.exhaustive import Exhaustive
from parcae.allocation.strategies.race import Race
from parcae.allocation.strategy import Strategy

SHARE = 0.15
WHOLE = 81 * 200
MOST = 2430  # an arm may be drawn as often as all calls together


@cache
def grid() -> Grid:
    return hotpotqa()


def strategies(seed: int) -> dict[str, tuple[Strategy, int, int]]:
    """Name -> strategy, calls, items."""
    calls = int(SHARE * WHOLE)
    return {
        "exhaustive": (Exhaustive(), WHOLE, 200),
        "ours": (Race(), calls, MOST),
        "arm elimination": (Elimination(), calls, MOST),
        "arm elimination, wide": (Elimination(width=2.0), calls, MOST),
        "halving": (Halving(calls=calls), calls, MOST),
        "GP-EI, 30 items a trial": (GpEi(seed=seed), calls, MOST),
        "GP-EI, 60 items a trial": (GpEi(seed=seed, items=60), calls, MOST),
    }


def regret(configuration: int) -> float:
    return float(grid().truth.max() - grid().truth[configuration])


def one(seed: int, only: tuple[str, ...] | None = None) -> dict[str, Played]:
    found = {}
    for name, (strategy, calls, items) in strategies(seed).items():
        if only is not None and name not in only:
            continue
        environment = GridEnvironment(truth=grid().truth, items=items, seed=seed)
        problem = grid().problem(items=items, max_calls=calls, seed=seed)
        found[name] = play(problem, strategy, environment, regret)
    return found


def table(part: Part) -> dict[str, object]:
    played = over_seeds(one, range(part.seeds), name="hotpotqa", part=part)
    rivals = {name: summary(own)["mean_regret"] for name, own in played.items() if name not in ("ours", "exhaustive")}
    best = min(rivals, key=lambda name: rivals[name])
    return {
        "landscape": "AgentOpt HotpotQA, 81 configurations; outcomes drawn at the recorded accuracies",
        "share_of_calls": SHARE,
        "rows": {name: summary(own) for name, own in played.items()},
        "ours_minus_exhaustive": paired_difference(played["ours"], played["exhaustive"]),
        "best_rival": best,
        "ours_minus_best_rival": paired_difference(played["ours"], played[best]),
    }


def main() -> None:
    write("allocation-hotpotqa", table(part_of(sys.argv[1:], seeds=1000)))


if __name__ == "__main__":
    main()
