"""Ours: configurations race over the items, the paper's insights are what is believed before the start.

Two ways, by what the search may use. Without a limit of its own it races until the promise holds: items double, and
only what is *surely* worse drops out. With a limit it spends that limit where the answer is: each phase keeps fewer
configurations, those that are believed, with some hope, to be best; samples are drawn only as deep as the phase allows,
and the belief says what more of them would bring. The promise is worked out from the same scores either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.belief import Belief, candidates, counts_of, current_belief
from parcae.allocation.costs import Floats
from parcae.allocation.guarantee import Guarantee, bar, promise, ruled_out
from parcae.allocation.history import History, Proposal
from parcae.allocation.space import Indices

SHARES = (0.14, 0.09, 0.09, 0.14, 0.18, 0.18, 0.18)  # of the search's budget, a phase
FIRST_ITEMS = 16  # of a race without a limit
CONTENDS = 2.5  # standard deviations within which a configuration could still be the best
PLATEAU = 0.02  # of epsilon: with the same models, samples that are believed to bring less than this are saved


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """`keep`: share of the configurations that enter the second phase; `narrow`: what each later phase keeps of that.

    `hope`: standard deviations of credit for what is not known yet. `first`: most draws of one configuration before
    beliefs count, where configurations share no samples.
    """

    keep: float = 0.4
    narrow: float = 0.62
    hope: float = 1.5
    first: int = 4
    fewest: int = 3

    async def propose(self, history: History) -> Proposal | None:
        """The next items for those still in the race."""
        return self._limited(history) if isfinite(calls_left(history)) else self._until_sure(history)

    def choose(self, history: History) -> int:
        """The highest believed score, with no more samples than its plateau needs."""
        if history.rounds and not isfinite(calls_left(history)):
            return _leader(history, survivors(history))
        arms = candidates(history)
        belief = current_belief(history, arms)
        return _on_the_plateau(history, arms, belief)

    # ---- until the promise holds

    def _until_sure(self, history: History) -> Proposal | None:
        arms = survivors(history)
        done = int(counts_of(history, arms).min())
        if done >= history.problem.items or (done and standing_promise(history, arms).reached):
            return None
        end = min(history.problem.items, max(FIRST_ITEMS, ceil(done * 1.25)))
        why = "every configuration starts" if not done else f"{len(arms)} are not surely worse than another"
        return Proposal(configurations=arms, items=np.arange(done, end), why=why)

    # ---- within a limit

    def _limited(self, history: History) -> Proposal | None:
        arms = candidates(history)
        phase = current_phase(history)
        belief = current_belief(history, arms) if history.rounds else None
        for later in range(phase, len(SHARES)):
            allowed = min(sum(SHARES[: later + 1]) * whole(history) - history.calls, calls_left(history))
            proposal = self._phase(history, arms, belief, later, allowed)
            if proposal is not None:
                return proposal
        return self._phase(history, arms, belief, len(SHARES) - 1, calls_left(history))

    def _phase(
        self, history: History, arms: Indices, belief: Belief | None, phase: int, allowed: float
    ) -> Proposal | None:
        if belief is None or phase == 0:
            return _start(history, arms, allowed, self.first)
        kept = self._kept(history, arms, belief, phase)
        if not len(kept):
            return None
        ahead = next_items(history, kept)
        begin = int(ahead.min())
        higher = ahead[ahead > begin]
        end = int(higher.min()) if len(higher) else history.problem.items
        low = kept[ahead == begin]
        return _deepest(history, low, begin, end, allowed, arms, fewest=FIRST_ITEMS)

    def _kept(self, history: History, arms: Indices, belief: Belief, phase: int) -> Indices:
        size = max(self.fewest, ceil(len(arms) * self.keep * self.narrow ** (phase - 1)))
        open_ones = next_items(history, arms) < history.problem.items
        open_ones &= belief.mean + CONTENDS * belief.deviation >= belief.mean.max()
        hopeful = np.where(open_ones, belief.mean + self.hope * belief.deviation, -np.inf)
        order = np.argsort(-hopeful, kind="stable")[: min(size, int(open_ones.sum()))]
        return np.sort(arms[order])


def _on_the_plateau(history: History, arms: Indices, belief: Belief) -> int:
    """The best believed configuration, or the cheapest with the same models and hardly less."""
    counts = counts_of(history, arms)
    known = counts * 2 >= counts.max()  # what was hardly measured is not recommended
    best = int(np.where(known, belief.mean, -np.inf).argmax())
    models, _ = history.problem.space.digits(arms)
    near = known & (belief.mean >= belief.mean[best] - PLATEAU * history.problem.epsilon)
    near &= (models == models[:, [best]]).all(axis=0)
    costs = np.where(near, history.problem.costs[arms], np.inf)
    return int(arms[best if np.isnan(costs).any() else int(costs.argmin())])


def calls_left(history: History) -> float:
    """Draws that the search may still make: its limit on calls, or on costs at what a call has cost so far."""
    problem = history.problem
    left = problem.max_calls - history.calls
    if isfinite(problem.max_cost):
        a_call = history.spent / history.calls if history.calls and history.spent else 0.0
        by_cost = (problem.max_cost - history.spent) / a_call if a_call else float(len(problem.feasible) * 2)
        left = min(left, by_cost)
    return left


def next_items(history: History, arms: Indices) -> Indices:
    """The first item on which each of `arms` was not scored; the number of items if there is none."""
    table, items = history.table, history.problem.items
    if not len(table.configurations):
        return np.zeros(len(arms), dtype=np.int64)
    places = np.searchsorted(table.configurations, arms).clip(0, len(table.configurations) - 1)
    open_ones = np.isnan(table.scores[places]) | (table.configurations[places] != arms)[:, None]
    return np.where(open_ones.any(axis=1), open_ones.argmax(axis=1), items).astype(np.int64)


def _scored_on(history: History, arms: Indices, item: int) -> NDArray[np.bool_]:
    table = history.table
    if not len(table.configurations):
        return np.zeros(len(arms), dtype=np.bool_)
    places = np.searchsorted(table.configurations, arms).clip(0, len(table.configurations) - 1)
    return np.asarray((table.configurations[places] == arms) & ~np.isnan(table.scores[places, item]), dtype=np.bool_)


def whole(history: History) -> float:
    """All draws that the search may make, those made included."""
    return history.calls + calls_left(history)


def current_phase(history: History) -> int:
    """Which phase the draws made so far end in."""
    if not history.rounds:
        return 0
    used = history.calls / max(whole(history), 1.0)
    return max(1, min(int(np.searchsorted(np.cumsum(SHARES), used, side="right")), len(SHARES) - 1))


def survivors(history: History) -> Indices:
    """The configurations that were not shown to be surely worse than one that is still there."""
    arms = candidates(history)
    if not history.rounds:
        return arms
    limit = bar(len(arms), history.problem.delta)
    alive, scores = _scored(history, arms)
    while len(alive) > 1:
        rows = scores[np.isin(arms, alive)]
        counts = (~np.isnan(rows)).sum(axis=1)
        means = np.nansum(rows, axis=1) / np.maximum(counts, 1)
        out = ruled_out(rows, int(means.argmax()), limit)
        if not out.any():
            break
        alive = alive[~out]
    return alive


def standing_promise(history: History, arms: Indices | None = None) -> Guarantee:
    """What may be promised of the leader as things stand."""
    problem = history.problem
    every = candidates(history)
    alive = survivors(history) if arms is None else arms
    _, scores = _scored(history, alive)
    leader = int(np.searchsorted(alive, _leader(history, alive)))
    return promise(scores, leader, compared=len(every), epsilon=problem.epsilon, delta=problem.delta)


def _scored(history: History, arms: Indices) -> tuple[Indices, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    table = history.table
    places = np.searchsorted(table.configurations, arms).clip(0, max(len(table.configurations) - 1, 0))
    scores = np.full((len(arms), history.problem.items), np.nan)
    known = table.configurations[places] == arms
    scores[known] = table.fresh[places[known]]
    return arms, scores


def _leader(history: History, arms: Indices) -> int:
    _, scores = _scored(history, arms)
    counts = (~np.isnan(scores)).sum(axis=1)
    means = np.where(counts > 0, np.nansum(scores, axis=1) / np.maximum(counts, 1), -1.0)
    costs = np.nan_to_num(history.problem.costs[arms], nan=np.inf)
    return int(arms[np.lexsort((costs, -means))[0]])


# ---- how much fits --------------------------------------------------------------------------------------------------


def _start(history: History, arms: Indices, allowed: float, first: int) -> Proposal | None:
    if history.rounds:
        return None
    items = history.problem.items
    most = items if history.problem.shared else min(first, items)
    return _deepest(history, arms, 0, most, max(allowed, 1.0), arms, fewest=min(items, FIRST_ITEMS))


def _deepest(
    history: History, arms: Indices, begin: int, end: int, allowed: float, everything: Indices, *, fewest: int
) -> Proposal | None:
    """`arms` on the items from `begin` that `allowed` draws pay for; fewer samples where not `fewest` fit."""
    wanted = min(end - begin, fewest)
    for cap in _caps(history):
        clipped = _clipped(history, arms, cap)
        if cap is not None:
            clipped = clipped[~_scored_on(history, clipped, begin)]
            if not len(clipped):
                break
        draws, worst = (np.cumsum(one) for one in _new_draws(history, clipped, begin, end))
        fits = (draws <= allowed + 1e-9) & (worst <= calls_left(history) + 1e-9)
        count = int(fits.sum())
        if count >= wanted:
            taken = clipped if not history.problem.shared else _with_riders(history, clipped, everything)
            items = np.arange(begin, begin + count)
            return Proposal(configurations=taken, items=items, why=_why(history, arms, cap))
    if fewest > 1:
        return _deepest(history, arms, begin, end, allowed, everything, fewest=fewest // 2)
    return None


def _why(history: History, arms: Indices, cap: int | None) -> str:
    if not history.rounds:
        who = f"all {len(arms)} configurations start on equal items"
    else:
        who = f"the {len(arms)} that are believed best, with some hope, go on"
    return who if cap is None else f"{who}, with at most {cap} samples a stage: how the curves rise tells the rest"


def _caps(history: History) -> list[int | None]:
    if not history.problem.shared:
        return [None]
    sizes = sorted({size for stage in history.problem.space.stages for size in stage.samples}, reverse=True)
    return [None, *sizes[1:]]


def _clipped(history: History, arms: Indices, cap: int | None) -> Indices:
    """The same choices with at most `cap` samples a stage."""
    if cap is None:
        return arms
    space = history.problem.space
    models, places = space.digits(arms)
    for number, stage in enumerate(space.stages):
        most = max(int(np.searchsorted(stage.samples, cap, side="right")) - 1, 0)
        places[number] = np.minimum(places[number], most)
    return np.unique(space.compose(models, places))


def _with_riders(history: History, arms: Indices, everything: Indices) -> Indices:
    """`arms`, and those that differ from one only by fewer samples in the last stage: they cost no draw."""
    space = history.problem.space
    models, places = space.digits(arms)
    riders = [arms]
    for less in range(1, int(places[-1].max(initial=0)) + 1):
        fits = places[-1] >= less
        fewer = places[:, fits].copy()
        fewer[-1] -= less
        riders.append(space.compose(models[:, fits], fewer))
    return np.union1d(arms, np.intersect1d(np.concatenate(riders), everything))


def _new_draws(history: History, arms: Indices, begin: int, end: int) -> tuple[Floats, Floats]:
    """New draws that each of the items takes, as expected and at worst; each of shape (end - begin,).

    Expected: less what was drawn there before. At worst, later stages draw everything anew, since what they had was
    drawn for other upstream outputs.
    """
    problem = history.problem
    if not problem.shared:
        return (np.full(end - begin, float(len(arms))),) * 2
    models, places = problem.space.digits(arms)
    total, worst = np.zeros(end - begin), np.zeros(end - begin)
    for number, (stage, had) in enumerate(zip(problem.space.stages, history.depths, strict=True)):
        need = np.zeros(len(stage.models))
        np.maximum.at(need, models[number], np.asarray(stage.samples, dtype=np.float64)[places[number]])
        new = np.maximum(need[:, None] - had[:, begin:end], 0.0).sum(axis=0)
        total += new
        worst += need.sum() if number else new
    return total, worst
