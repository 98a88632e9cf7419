"""What to do with a configuration that somebody proposed and that may not be run: make it fit, or say that it was run.

Knows nothing of who proposes.
"""

from __future__ import annotations

import numpy as np

from parcae.allocation.history import History
from parcae.allocation.problem import Problem
from parcae.allocation.space import Indices


def fitted(problem: Problem, configuration: int) -> int | None:
    """The configuration itself if it fits; else with fewer samples, taken from the stage where that saves most.

    None if even one sample a stage of its models does not fit.
    """
    space = problem.space
    while not problem.fits(configuration):
        models, places = space.digits(np.array([configuration]))
        options = []
        for stage in range(len(space.stages)):
            if places[stage, 0] > 0:
                fewer = places.copy()
                fewer[stage, 0] -= 1
                options.append(int(space.compose(models, fewer)[0]))
        if not options:
            return None
        configuration = min(options, key=lambda one: float(problem.costs[one]))
    return configuration


def unseen(history: History, configurations: list[int]) -> list[int]:
    """Those that fit after projection and were neither run before nor named twice, in order."""
    seen = set(history.table.configurations.tolist())
    found: list[int] = []
    for configuration in configurations:
        projected = fitted(history.problem, configuration)
        if projected is not None and projected not in seen and projected not in found:
            found.append(projected)
    return found


def every_item(history: History) -> Indices:
    """All items that the search may use: a trial of the paper is scored on all of them."""
    return np.arange(history.problem.items)


def nearest(samples: tuple[int, ...], wanted: float) -> int:
    """The largest allowed number of samples that is not above `wanted`; the smallest if all are."""
    below = [size for size in samples if size <= wanted]
    return max(below, default=samples[0])
