"""Sample once, replay all: what every smaller number of samples would have scored, from the samples at hand.

Knows nothing of where samples come from. Every estimate is unbiased under draws without replacement: its mean over all
ways of choosing S of the n samples is the score of S samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.costs import Floats


def any_of(correct: NDArray[np.int64], drawn: NDArray[np.int64], samples: NDArray[np.int64]) -> Floats:
    """Probability that at least one of S samples is right, when `correct` of the `drawn` are.

    1 - C(n - c, S) / C(n, S): best-of-k under a verifier that knows. NaN where S > n.

    Args:
        correct: any shape.
        drawn: the same shape.
        samples: shape (S,).

    Returns:
        shape (*correct.shape, S).

    Source: Chen et al. 2021 (arXiv:2107.03374), eq. 1.
    """
    right, n = correct[..., None].astype(np.float64), drawn[..., None].astype(np.float64)
    most = int(samples.max())
    draws = np.arange(most, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(draws < n, np.clip(n - right - draws, 0.0, None) / (n - draws), np.nan)
    return np.asarray(1.0 - np.cumprod(factors, axis=-1)[..., samples - 1], dtype=np.float64)


def majority(
    answers: NDArray[np.int64],
    right: NDArray[np.bool_],
    samples: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    orders: int = 16,
) -> Floats:
    """Score of the majority vote of S samples for every S, from `orders` random orders of each item's samples.

    The first S samples of a random order are a random subset of S, so each order is unbiased for every S at once. A tie
    shares the point: one right answer among two that lead scores 1/2.

    Args:
        answers: int64, shape (items, n), each sample's answer as a small number from 0; -1 casts no vote.
        right: bool, shape (items, A): which answers are right, A above the largest answer.
        samples: int64, shape (S,), each at most n.
        rng: where the orders come from.
        orders: more of them lower the noise; one is enough for S = n.

    Returns:
        float64, shape (items, S).
    """
    items, n = answers.shape
    kinds = right.shape[1]
    total = np.zeros((items, len(samples)))
    rows = np.arange(items)[:, None]
    for _ in range(orders):
        shuffled = np.take_along_axis(answers, rng.random((items, n)).argsort(axis=1), axis=1)
        votes = np.zeros((items, n, kinds), dtype=np.int16)
        given = shuffled >= 0
        votes[rows, np.arange(n), np.where(given, shuffled, 0)] = given
        counts = votes.cumsum(axis=1, dtype=np.int16)[:, samples - 1]
        leads = (counts == counts.max(axis=2, keepdims=True)) & (counts > 0)
        leaders = leads.sum(axis=2)
        won = (leads & right[:, None, :]).sum(axis=2)
        total += np.divide(won, leaders, out=np.zeros(won.shape), where=leaders > 0)
    return total / orders


def average(scores: Floats, samples: NDArray[np.int64]) -> Floats:
    """Score of one sample taken at random, whatever S is: the aggregator "first". Shape (items, S)."""
    return np.repeat(np.nanmean(scores, axis=1)[:, None], len(samples), axis=1)
