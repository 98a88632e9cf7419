"""AIME24: one stage, the model and the size of its vote under a token budget, chosen on half of the problems.

The unit is exhaustive search with replay: all 128 branches of four models on fifteen problems. Ours draws at most 10 %
of them. Regret is on the other half. `python -m experiments.allocation.aime24 [splits]`
"""

from __future__ import annotations

import sys
from functools import cache, partial

import numpy as np
from experiments.allocation.compare import Part, Played, over_seeds, paired_difference, part_of, play, summary, write
from experiments.allocation.landscapes import Vote, VoteEnvironment, aime24

from parcae.allocation.strategies.exhaustive import Exhaustive
from parcae.allocation.strategies.race import Race

BUDGETS = (200_000, 600_000, 2_100_000)  # tokens a problem
HALF, BRANCHES, SHARE = 15, 15 * 4 * 128, 0.10


@cache
def recorded() -> Vote:
    return aime24()


def one(seed: int, *, budget: float) -> dict[str, Played]:
    order = np.random.default_rng([19, seed]).permutation(2 * HALF)
    chosen, held_out = order[:HALF], order[HALF:]
    truth = recorded().curves[:, held_out].mean(axis=1).reshape(-1)
    top = truth[recorded().costs <= budget].max()
    found = {}
    for name, strategy, calls in (("exhaustive", Exhaustive(), BRANCHES), ("ours", Race(), int(SHARE * BRANCHES))):
        environment = VoteEnvironment(landscape=recorded(), seed=seed, questions=chosen)
        problem = recorded().problem(budget=budget, items=HALF, max_calls=calls, seed=seed)
        found[name] = play(problem, strategy, environment, lambda choice: float(top - truth[choice]))
    return found


def table(part: Part) -> dict[str, object]:
    budgets = {}
    for budget in BUDGETS:
        played = over_seeds(partial(one, budget=budget), range(part.seeds), name=f"aime24-{budget}", part=part)
        budgets[str(budget)] = {
            "rows": {name: summary(own) for name, own in played.items()},
            "ours_minus_exhaustive": paired_difference(played["ours"], played["exhaustive"]),
        }
    return {"landscape": "AIME24, four models, votes of up to 128", "share_of_branches": SHARE, "budgets": budgets}


def main() -> None:
    write("allocation-aime24", table(part_of(sys.argv[1:], seeds=200)))


if __name__ == "__main__":
    main()
