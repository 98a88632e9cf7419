"""What came of live runs: success by the vote and dollars of every arm on every bug, curves, conversions, intervals.

An arm is a mean over bugs of (success, dollars). Arms share attempts: the runs of small, of large and of the forced
swap at k hold every attempt that a policy which flags some bugs would make, since attempt n draws the same chances in
each. Success of a vote is the share of the names with the best score that is the culprit, as in `hotswap.curves`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcae.sampling.stopping import cannot_change, leads_by

Floats = NDArray[np.float64]
Voter = tuple[Sequence[str], float]  # what an attempt named, and what its vote weighs


@dataclass(frozen=True, slots=True)
class Made:
    """One attempt: what it named, and US dollars of each step."""

    answer: tuple[str, ...]
    costs: tuple[float, ...]

    @property
    def usd(self) -> float:
        return sum(self.costs)


@dataclass(frozen=True, slots=True)
class Known:
    """One bug with all attempts of its arms ("small", "large", "swap@k"), and p_fail by forecaster and look."""

    bug: str
    culprit: str
    arms: Mapping[str, tuple[Made, ...]]
    p_fail: Mapping[tuple[str, int], float]

    def right(self, voters: Sequence[Voter]) -> float:
        """Success by the weighted vote."""
        votes: dict[str, float] = {}
        for answer, weight in voters:
            names = tuple(dict.fromkeys(answer))
            for name in names:
                votes[name] = votes.get(name, 0.0) + weight / len(names)
        best = max(votes.values(), default=0.0)
        top = [name for name, vote in votes.items() if vote > best - 1e-9]
        return float(self.culprit in top) / len(top) if best > 0 else 0.0


def known_from(record: Mapping[str, Any], p_fail: Mapping[tuple[str, int], float]) -> Known:
    arms = {
        arm: tuple(Made(tuple(answer), tuple(cost or 0.0 for cost in costs)) for answer, costs in attempts)
        for arm, attempts in record["arms"].items()
    }
    return Known(record["bug"], record["culprit"], arms, p_fail)


# ---- arms on one bug: (success, dollars) --------------------------------------------------------------------------

Outcome = tuple[float, float]


def fixed(known: Known, arm: str, count: int) -> Outcome:
    """`count` attempts of one model: the mean over all runs of `count` neighbours."""
    made = known.arms[arm]
    windows = [[made[(first + i) % len(made)] for i in range(count)] for first in range(len(made))]
    right = [known.right([(one.answer, 1.0) for one in window]) for window in windows]
    return float(np.mean(right)), float(np.mean([sum(one.usd for one in window) for window in windows]))


def adaptive(known: Known, lead: float, most: int) -> Outcome:
    """Attempts of large, one after the other, until the first name leads by `lead`: the mean over ten orders."""
    made, outcomes = known.arms["large"], []
    for first in range(len(made)):
        votes: list[tuple[str, ...]] = []
        spent = 0.0
        for i in range(most):
            one = made[(first + i) % len(made)]
            votes.append(one.answer)
            spent += one.usd
            if leads_by(votes, lead) or cannot_change(votes, most - i - 1):
                break
        outcomes.append((known.right([(answer, 1.0) for answer in votes]), spent))
    right, spent_usd = np.mean(np.array(outcomes), axis=0)
    return float(right), float(spent_usd)


def swapped(known: Known, k: int, keep: int, weight: float) -> Outcome:
    """All attempts of small to step k; the first `keep` that are open go on with large, the other open ones stop."""
    small, after = known.arms["small"], known.arms[f"swap@{k}"]
    going = [n for n, one in enumerate(small) if len(one.costs) > k][:keep]
    voters, usd = _prefix(small, k, weight)
    for n in going:
        voters.append((after[n].answer, 1.0))
        usd += sum(after[n].costs[k:])
    return known.right(voters), usd


def restarted(known: Known, k: int, keep: int, weight: float) -> Outcome:
    """The same, but `keep` fresh attempts of large take over: the mean over all runs of neighbours."""
    large, outcomes = known.arms["large"], []
    voters, usd = _prefix(known.arms["small"], k, weight)
    for first in range(len(large)):
        fresh = [large[(first + i) % len(large)] for i in range(keep)]
        right = known.right([*voters, *((one.answer, 1.0) for one in fresh)])
        outcomes.append((right, usd + sum(one.usd for one in fresh)))
    right, spent = np.mean(np.array(outcomes), axis=0)
    return float(right), float(spent)


def forked(known: Known, k: int, weight: float) -> Outcome:
    """All attempts of small to step k; the most promising open one goes on as three futures of large.

    Where none is open at step k nothing is forked, whatever the plan did after that.
    """
    small, after = known.arms["small"], known.arms[f"fork@{k}"]
    voters, usd = _prefix(small, k, weight)
    if all(len(one.costs) <= k for one in small):
        return known.right(voters), usd
    futures = [one for n, one in enumerate(after) if n >= len(small) or len(small[n].costs) > k]
    return known.right([*voters, *((one.answer, 1.0) for one in futures)]), sum(one.usd for one in after)


def _prefix(small: Sequence[Made], k: int, weight: float) -> tuple[list[Voter], float]:
    """The votes of the attempts that have ended by step k, and what all cost until then."""
    votes: list[Voter] = [(one.answer, weight) for one in small if len(one.costs) <= k]
    return votes, sum(sum(one.costs[:k]) for one in small)


def over(some: Sequence[Known], arm: Callable[[Known], Outcome]) -> Floats:
    """(N, 2): success and dollars of an arm on every bug."""
    return np.array([arm(one) for one in some])


# ---- who is flagged -----------------------------------------------------------------------------------------------


def mixed(flagged: Floats, act: Floats, stay: Floats) -> Floats:
    """(N, 2) of a policy that acts on the share `flagged` (N,) of each bug and leaves it alone otherwise."""
    return flagged[:, None] * act + (1 - flagged[:, None]) * stay


def by_forecast(some: Sequence[Known], forecaster: str, k: int, above: float) -> Floats:
    """Whether each bug's forecast at look k is above `above`."""
    return np.array([float(one.p_fail[forecaster, k] > above) for one in some])


def auc(failed: Floats, score: Floats) -> float:
    """Area under the ROC curve; ties count half."""
    bad, good = score[failed > 0.5], score[failed <= 0.5]
    if not len(bad) or not len(good):
        return float("nan")
    wins = (bad[:, None] > good[None, :]).mean() + 0.5 * (bad[:, None] == good[None, :]).mean()
    return float(wins)


# ---- intervals ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Draws:
    """Bugs drawn anew, with putting back. `weights` (B, N): how often each bug is in each resample."""

    weights: Floats

    def of(self, top: Floats, bottom: Floats) -> dict[str, float]:
        """sum(top) / sum(bottom) with its 95 % interval; nan where nothing is below."""
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = (self.weights @ top) / (self.weights @ bottom)
            mean = top.sum() / bottom.sum() if bottom.sum() else float("nan")
        low, high = np.nanquantile(ratios, [0.025, 0.975]) if np.isfinite(ratios).any() else (np.nan, np.nan)
        return {"mean": float(mean), "low": float(low), "high": float(high)}


def draws(count: int, *, resamples: int = 2000, seed: int = 0) -> Draws:
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    return Draws(weights.astype(np.float64))


def point(name: str, arm: Floats, large: Floats, drawn: Draws) -> dict[str, Any]:
    """An arm relative to ten attempts of large."""
    cost = drawn.of(arm[:, 1], large[:, 1])
    kept = drawn.of(arm[:, 0], large[:, 0])
    return {
        "policy": name,
        "acc": float(arm[:, 0].mean()),
        "usd": float(arm[:, 1].mean()),
        "relative_cost": cost["mean"],
        "relative_performance": kept["mean"],
        "low": kept["low"],
        "high": kept["high"],
    }


def difference(ours: Floats, theirs: Floats, drawn: Draws) -> dict[str, float]:
    """Success of ours minus theirs on the same bugs."""
    return drawn.of(ours[:, 0] - theirs[:, 0], np.ones(len(ours)))


def at_cost(curve: Sequence[Floats], like: Floats) -> Floats:
    """(N, 2): the mix of two neighbouring points of `curve` that costs as much as `like` does, or its nearest end."""
    points = sorted(curve, key=lambda arm: float(arm[:, 1].mean()))
    usd = np.array([arm[:, 1].mean() for arm in points])
    at = float(np.clip(like[:, 1].mean(), usd[0], usd[-1]))
    upper = int(np.clip(np.searchsorted(usd, at), 1, len(points) - 1)) if len(points) > 1 else 0
    lower = max(0, upper - 1)
    span = usd[upper] - usd[lower]
    share = (at - usd[lower]) / span if span > 0 else 0.0
    return np.asarray((1 - share) * points[lower] + share * points[upper])
