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


def believed(items: int, chances: tuple[float, float]) -> float:
    """How much better the dear one of two models is believed to be, after `items` items of these chances."""
    space = Space(stages=(StageSpace(name="answer", models=("cheap", "dear")),))
    problem = Problem(space=space, costs=np.array([1.0, 20.0]), items=400)
    history = History.empty(problem)
    if items:
        scores = (np.random.default_rng(1).random((2, items)) < np.array(chances)[:, None]).astype(np.float64)
        history = history.told(
            Round(configurations=np.arange(2), items=np.arange(items), scores=scores, calls=2 * items)
        )
    cheap, dear = current_belief(history, np.arange(2)).mean
    return float(dear - cheap)


def test_a_dear_model_is_believed_better_until_scores_say_otherwise() -> None:
    before = believed(0, (0.5, 0.5))
    assert 0.1 < before < 0.3
    assert abs(believed(400, (0.5, 0.5))) < before / 2
    assert believed(400, (0.8, 0.4)) < -0.2
    assert believed(4, (0.99, 0.01)) > believed(400, (0.99, 0.01))  # four items are not four hundred


def test_a_price_that_nobody_knows_says_nothing() -> None:
    space = Space(stages=(StageSpace(name="answer", models=("a", "b")),))
    unknown = Problem(space=space, costs=np.full(2, np.nan), items=10)
    assert np.ptp(current_belief(History.empty(unknown), np.arange(2)).mean) == 0
