"""Intervals and tests that hold at every moment of a search at once. Know nothing of what is measured.

All are test martingales for bounded scores: a bettor who starts with 1 and cannot gain on average if the hypothesis
holds; by Ville's inequality it ever holds 1/alpha with probability at most alpha, however one stops.
Source: Waudby-Smith and Ramdas 2024 (arXiv:2010.09686), sections 3 and 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.costs import Floats

STAKES = np.concatenate([np.geomspace(0.01, 0.6, 9), [0.75, 0.9]])


def log_wealth_against(differences: Floats, shift: float, *, stakes: Floats = STAKES) -> Floats:
    """Log wealth after each item of betting against "the mean difference is at least `shift`".

    Mixes fixed stakes as shares of the largest that cannot ruin, 1 / (1 - shift). A large value says that the mean is
    below `shift`. NaN (an item that one of the two did not score) changes nothing.

    Args:
        differences: in [-1, 1], shape (..., items).
        shift: in [0, 1).
        stakes: shares in (0, 1), shape (L,); equal weights.

    Returns:
        float64, shape (..., items): log of the mean wealth after 1, 2, ... items.
    """
    bets = np.nan_to_num(shift - differences, nan=0.0)
    paths = np.log1p(stakes[:, None] / (1.0 - shift) * bets[..., None, :]).cumsum(axis=-1)
    return _log_mean(paths, axis=-2)


def final_log_wealth(differences: Floats, shift: float, *, stakes: Floats = STAKES) -> Floats:
    """The last entry of `log_wealth_against`, without the path; shape (...,)."""
    bets = np.nan_to_num(shift - differences, nan=0.0)
    total = np.empty((len(stakes), *bets.shape[:-1]))
    for place, stake in enumerate(stakes / (1.0 - shift)):
        total[place] = np.log1p(stake * bets).sum(axis=-1)
    return _log_mean(total, axis=0)


def growth_per_item(differences: Floats, shift: float, *, stakes: Floats = STAKES) -> Floats:
    """The best stake's mean log growth an item; shape (...,). What the wealth will gain, roughly, per item to come."""
    bets = np.nan_to_num(shift - differences, nan=0.0)
    scored = np.maximum((~np.isnan(differences)).sum(axis=-1), 1)
    gains = [np.log1p(stake * bets).sum(axis=-1) / scored for stake in stakes / (1.0 - shift)]
    return np.asarray(np.max(gains, axis=0), dtype=np.float64)


def mean_interval(scores: Floats, alpha: float, *, grid: int = 401) -> tuple[float, float]:
    """An interval for the mean of scores in [0, 1] that holds at every number of items with probability 1 - alpha.

    Inverts the bets over a grid of means: those stay that neither bettor has disproved at alpha / 2 each. NaN entries
    are left out. (0, 1) without scores.
    """
    known = scores[~np.isnan(scores)]
    if not len(known):
        return 0.0, 1.0
    means = np.linspace(0.0, 1.0, grid)
    limit = np.log(2.0 / alpha)
    above, below = _bets(known, means), _bets(1.0 - known, 1.0 - means)
    stays = (above < limit) & (below < limit)
    if not stays.any():
        mean = float(known.mean())
        return mean, mean
    step = 1.0 / (grid - 1)
    kept = means[stays]
    return max(0.0, float(kept.min()) - step), min(1.0, float(kept.max()) + step)


def _bets(scores: Floats, means: Floats) -> Floats:
    """Log wealth of betting against "the mean is at most m", for every m; shape (len(means),)."""
    safe = np.clip(means, 1e-6, None)
    total: NDArray[np.float64] = np.empty((len(STAKES), len(means)))
    for place, stake in enumerate(STAKES):
        total[place] = np.log1p((stake / safe)[:, None] * (scores[None, :] - means[:, None])).sum(axis=1)
    return _log_mean(total, axis=0)


def _log_mean(logs: Floats, axis: int) -> Floats:
    top = logs.max(axis=axis, keepdims=True)
    mean = np.log(np.exp(logs - top).mean(axis=axis)) + np.squeeze(top, axis=axis)
    return np.asarray(mean, dtype=np.float64)
