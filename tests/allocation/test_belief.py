"""What is believed of configurations is no surer than the samples that it rests on."""

from __future__ import annotations

import numpy as np
import pytest

from parcae.allocation.belief import current_belief
from parcae.allocation.history import History, Round
from parcae.allocation.problem import Problem
from parcae.allocation.space import Space, StageSpace

ITEMS = 40
SAMPLES = 10


def sureness(scored: int, seed: int) -> float:
    """The believed deviation between two models at one sample, where the first `scored` sizes have a score.

    More samples change nothing here: every size of a model scores the same on the same items.
    """
    space = Space(stages=(StageSpace(name="answer", models=("a", "b"), samples=tuple(range(1, SAMPLES + 1))),))
    problem = Problem(space=space, costs=np.ones(space.size), items=10 * ITEMS)
    outcomes = np.random.default_rng(seed).random((2, ITEMS)) < [[0.3], [0.7]]
    [models], [places] = space.digits(np.arange(space.size))
    known = np.flatnonzero(places < scored)
    scores = outcomes[models[known]].astype(np.float64)
    played = Round(configurations=known, items=np.arange(ITEMS), scores=scores, calls=2 * ITEMS)
    covariance = current_belief(History.empty(problem).told(played), np.arange(space.size)).covariance
    a, b = np.flatnonzero(places == 0)
    return float(np.sqrt(covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]))


@pytest.mark.parametrize("seed", range(5))
def test_configurations_that_share_samples_count_once(seed: int) -> None:
    assert sureness(SAMPLES, seed) > 0.8 * sureness(1, seed)
