"""What a search may promise: "within epsilon of the best with probability 1 - delta", or how many more items it needs.

Knows nothing of how the configurations to compare were picked: the promise holds at every moment, ties included.

The argument. Let c* be the best of K configurations, fixed though unknown. For every other configuration b, the bets
on the differences score(c*) - score(b), item by item, against "the mean is at least 0" (and, for a b more than epsilon
worse, against "at least epsilon") gain nothing on average. So with probability 1 - delta none of these K - 1 bettors
ever reaches (K - 1) / delta. Then (1) c* is never ruled out, since ruling c out takes such a bettor against 0; and (2)
a choice more than epsilon below c* is never certified, since certifying takes the bettor against epsilon. Only the
pairs with c* count: a union over K, not over K squared, although c* is unknown.
Holds for items that are drawn independently from what the user will meet, and scored in one order by all that are
still compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.history import Scores
from parcae.allocation.intervals import final_log_wealth, growth_per_item, mean_interval

SAFETY = 1.2  # items announced over the plain forecast: bets need a margin over their mean growth


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """`reached`: the choice is within `epsilon` of the best with probability 1 - `delta`.

    Otherwise `open` configurations could still be better by more than that, and about `more_items` more would settle
    it even if they are as good. `items`: scored by all that are still compared.
    """

    reached: bool
    epsilon: float
    delta: float
    items: int
    open: int = 0
    more_items: int = 0

    def __str__(self) -> str:
        promise = f"within {self.epsilon:g} of the best affordable configuration with probability {1 - self.delta:g}"
        if self.reached:
            return promise
        return f"not enough items to be {promise}: about {self.more_items} more would do"


def bar(compared: int, delta: float) -> float:
    """The log wealth that rules out or certifies: log((K - 1) / delta)."""
    return log(max(compared - 1, 1) / delta)


def ruled_out(scores: Scores, against: int, limit: float) -> NDArray[np.bool_]:
    """Which rows are surely worse than row `against`; shape (rows,). The row itself never is."""
    out = final_log_wealth(scores - scores[against], 0.0) >= limit
    out[against] = False
    return np.asarray(out, dtype=np.bool_)


def certified(scores: Scores, choice: int, epsilon: float, limit: float) -> NDArray[np.bool_]:
    """Which rows are surely less than `epsilon` better than row `choice`; shape (rows,). The row itself always is."""
    sure = final_log_wealth(scores - scores[choice], epsilon) >= limit
    sure[choice] = True
    return np.asarray(sure, dtype=np.bool_)


def promise(scores: Scores, choice: int, *, compared: int, epsilon: float, delta: float) -> Guarantee:
    """What may be said of row `choice` among the rows that were not ruled out.

    `compared` is how many configurations the search began with (K); `scores` has one row for each that is left, and
    one column an item.
    """
    limit = bar(compared, delta)
    items = int((~np.isnan(scores[choice])).sum())
    sure = certified(scores, choice, epsilon, limit)
    if sure.all():
        return Guarantee(reached=True, epsilon=epsilon, delta=delta, items=items)
    differences = scores[~sure] - scores[choice]
    return Guarantee(
        reached=False,
        epsilon=epsilon,
        delta=delta,
        items=items,
        open=int((~sure).sum()),
        more_items=_more(differences, epsilon, limit),
    )


def _more(differences: Scores, epsilon: float, limit: float) -> int:
    """Items still needed by the slowest pair: what is missing of the bar over what an item brings.

    The mean seen is the best of several and noisy, so each pair is taken to be one standard error closer than it looks,
    but not better than the choice. Differences of the largest variance there is gain epsilon squared / 2 an item.
    """
    scored = np.maximum((~np.isnan(differences)).sum(axis=1), 1)
    means = np.nansum(differences, axis=1) / scored
    squares = np.nansum((differences - means[:, None]) ** 2, axis=1) / scored
    spread = np.sqrt(squares)
    closer = np.minimum(means + spread / np.sqrt(scored), 0.0)
    moved = np.clip(differences + (closer - means)[:, None], -1.0, 1.0)
    growth = np.maximum(growth_per_item(moved, epsilon), epsilon**2 / 2)
    missing = limit + log(3) - final_log_wealth(differences, epsilon)
    return max(1, ceil(SAFETY * float(np.max(missing / growth))))


def score_interval(scores: Scores, *, compared: int, delta: float) -> tuple[float, float]:
    """An interval for the mean score of a configuration that was *picked* among `compared`: no winner's curse.

    It holds for all of them at once, hence for the one picked.
    """
    return mean_interval(scores, delta / max(compared, 1))
