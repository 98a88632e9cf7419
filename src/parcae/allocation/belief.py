"""What is believed of every configuration's score, from the scores of some: a Gaussian process over the choices.

The paper's insights are its priors: a stage prefers models of its own (one effect a stage and model, dearer ones being
better as a rule), more samples help and then level off (a curve that rises with 1 - 1/S, as far as data do not say
otherwise), and stages interact (a smaller effect of their combination). Knows nothing of calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.costs import Floats
from parcae.allocation.history import History, Table
from parcae.allocation.problem import Problem
from parcae.allocation.space import Indices, Space

FLOOR = 4e-4  # the least variance that any effect is believed to have: two points of score
RISE = 0.05  # what endless samples are believed to add to one, before any data
RISE_VARIANCE = 0.003
WIGGLE = 2e-4  # how far a curve may depart from its form
SLOPE = 0.06  # what a model is believed to add in a stage, before any data, for each time that it costs e times as much
SLOPE_VARIANCE = 0.03**2
LEVEL = 0.09  # variance of what all configurations have in common
ROUGH = 10  # items at which a measured variance or covariance is believed half
UNSEEN = 0.05  # variance of an item's score that even equal scores leave open
MODEL_VARIANCE = 0.006  # how far models are believed to differ in a stage, which weighs as much as `FAMILIES` models do
FAMILIES = 10
MOST = 600  # configurations that are believed about at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Mean, shape (K,), of the scores of K configurations, and how sure it is.

    `prior`, shape (K, K), is the covariance before any data; `weights @ known.T`, both of shape (K, N), what N scores
    took from it.
    """

    mean: Floats
    prior: Floats
    weights: Floats
    known: Floats

    @property
    def covariance(self) -> Floats:
        """Of the scores; shape (K, K)."""
        return np.asarray(self.prior - self.weights @ self.known.T, dtype=np.float64)

    @property
    def deviation(self) -> Floats:
        """Standard deviation of each score; shape (K,)."""
        variance = np.diag(self.prior) - np.einsum("kn,kn->k", self.weights, self.known)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Variances of the effects: `models` one a stage; `together` of their combination."""

    models: tuple[float, ...]
    together: float = 0.003


def believe(
    space: Space, configurations: Indices, seen: Indices, scores: Floats, noise: Floats, dear: Floats
) -> Belief:
    """The belief about `configurations` after `seen` (places in `configurations`) scored `scores` give or take `noise`.

    Args:
        space: what the numbers mean.
        configurations: shape (K,).
        seen: int64, shape (N,), places of those that were scored.
        scores: shape (N,), their mean scores.
        noise: shape (N, N), the covariance of these means: what was scored on the same items errs together.
        dear: shape (stages, K), from `dearness`.
    """
    expected = rise(space, configurations, dear)
    effects = estimated_effects(space, configurations[seen], scores - expected[seen], noise)
    prior = kernel(space, configurations, effects, dear)
    base = float(np.average(scores - expected[seen], weights=1.0 / (np.diag(noise) + FLOOR)))
    cross = prior[:, seen]
    weights = np.asarray(np.linalg.solve(cross[seen] + noise + 1e-9 * np.eye(len(seen)), cross.T).T, dtype=np.float64)
    mean = base + expected + weights @ (scores - expected[seen] - base)
    return Belief(mean=mean, prior=prior, weights=weights, known=cross)


def rise(space: Space, configurations: Indices, dear: Floats) -> Floats:
    """What samples and dearer models (`dear`, from `dearness`) are believed to add before any data; shape (K,)."""
    _, places = space.digits(configurations)
    total = np.asarray(SLOPE * dear.sum(axis=0), dtype=np.float64)
    for place, stage in zip(places, space.stages, strict=True):
        total += RISE * _level_off(stage.samples)[place]
    return total


def dearness(problem: Problem, configurations: Indices) -> Floats:
    """How dear the model of each stage is: the logarithm of its price beside that of the stage's mean model.

    Shape (stages, K); 0 where a price is unknown.
    """
    models, _ = problem.space.digits(configurations)
    found = np.zeros(models.shape)
    for number, prices in enumerate(problem.prices):
        logs = np.log(prices)
        if np.isfinite(logs).any():
            found[number] = np.nan_to_num(logs - np.nanmean(logs), nan=0.0)[models[number]]
    return found


def estimated_effects(space: Space, seen: Indices, scores: Floats, noise: Floats) -> Effects:
    """How much stages differ by model, from the spread of their models' mean scores less what noise explains."""
    models, _ = space.digits(seen)
    residual = scores - scores.mean()
    apart = noise - noise.mean(axis=0) - noise.mean(axis=1)[:, None] + noise.mean()  # the noise of `residual`
    spread = float(np.trace(apart)) / len(seen)
    variances, fitted = [], np.zeros(len(scores))
    for row, stage in zip(models, space.stages, strict=True):
        sizes = np.bincount(row, minlength=len(stage.models))
        means = np.bincount(row, residual, minlength=len(stage.models)) / np.maximum(sizes, 1)
        present = sizes > 0
        share = float(np.mean([apart[np.ix_(own, own)].mean() for own in (row == k for k in np.flatnonzero(present))]))
        variance = float(means[present].var(ddof=1)) - share if present.sum() > 1 else FLOOR
        there = int(present.sum())
        variances.append((there * max(variance, FLOOR) + FAMILIES * MODEL_VARIANCE) / (there + FAMILIES))
        fitted += means[row]
    left = float(((residual - fitted) ** 2).mean()) * _freedom(space, len(seen)) - spread
    together = max(left, FLOOR) if len(space.stages) > 1 else FLOOR
    return Effects(models=tuple(variances), together=together)


def kernel(space: Space, configurations: Indices, effects: Effects, dear: Floats) -> Floats:
    """Prior covariance of the scores; shape (K, K). It is not known either what a dearer model brings."""
    samples, same, together = _alike(space, configurations.tobytes())
    total = samples + effects.together * together
    for own, variance in zip(same, effects.models, strict=True):
        total += variance * own
    return np.asarray(total + SLOPE_VARIANCE * dear.T @ dear, dtype=np.float64)


@lru_cache(maxsize=8)  # a search asks for the same configurations at every step
def _alike(space: Space, configurations: bytes) -> tuple[Floats, tuple[Floats, ...], Floats]:
    """What each two configurations have in common; arrays of shape (K, K).

    The covariance that comes from their samples; 1 where they have the same model, an array a stage; 1 where all are.
    """
    models, places = space.digits(np.frombuffer(configurations, dtype=np.int64))
    size = models.shape[1]
    samples = np.full((size, size), LEVEL)
    same = []
    for row, place, stage in zip(models, places, space.stages, strict=True):
        same.append((row[:, None] == row[None, :]).astype(np.float64))
        if len(stage.samples) > 1:
            form = _level_off(stage.samples)[place]
            logs = np.log(np.asarray(stage.samples, dtype=np.float64))[place]
            near = np.exp(-0.5 * (logs[:, None] - logs[None, :]) ** 2)
            samples += (RISE_VARIANCE * np.outer(form, form) + WIGGLE * near) * (1.0 + same[-1])
    return samples, tuple(same), np.prod(same, axis=0)


def _level_off(samples: tuple[int, ...]) -> Floats:
    return 1.0 - 1.0 / np.asarray(samples, dtype=np.float64)


def _freedom(space: Space, seen: int) -> float:
    fitted = 1 + sum(len(stage.models) - 1 for stage in space.stages)
    return seen / max(seen - fitted, 1)


# ---- from a history -------------------------------------------------------------------------------------------------


def candidates(history: History) -> Indices:
    """The affordable configurations without a failed arm.

    Where there are more than 600, those that cannot take one more sample in any stage: more samples never hurt much
    (insight 2), so the best of them is about as good as the best of all. Thinned evenly if that is still too many.
    """
    space, arms = history.problem.space, history.problem.feasible
    arms = arms[_alive(history, arms)]
    if len(arms) > MOST:
        arms = arms[_at_the_edge(history, arms)]
    if len(arms) > MOST:
        arms = arms[np.linspace(0, len(arms) - 1, MOST).astype(np.int64)]
    return arms if len(arms) or not space.size else history.problem.feasible


def current_belief(history: History, arms: Indices) -> Belief:
    """The belief about `arms` from all scores so far; the prior alone without any."""
    table = history.table
    places = np.searchsorted(table.configurations, arms).clip(0, max(len(table.configurations) - 1, 0))
    known = (table.configurations[places] == arms) & (table.counts[places] > 0) if len(table.configurations) else None
    space, dear = history.problem.space, dearness(history.problem, arms)
    if known is None or not known.any():
        prior = kernel(space, arms, Effects(models=(MODEL_VARIANCE,) * len(space.stages)), dear)
        nothing = np.empty((len(arms), 0))
        return Belief(mean=0.5 + rise(space, arms, dear), prior=prior, weights=nothing, known=nothing)
    seen = np.flatnonzero(known)
    scores, noise = (paired if history.problem.shared else separate)(table, places[seen])
    return believe(space, arms, seen, scores, noise, dear)


def separate(table: Table, rows: Indices) -> tuple[Floats, Floats]:
    """Mean scores and their covariance, each row drawn for itself; never as sure as a few equal draws say."""
    means, counts = table.means[rows], table.counts[rows]
    chance = (means * counts + 1.0) / (counts + 2.0)
    return means, np.diag(np.maximum(chance * (1.0 - chance), 0.02) / counts)


def paired(table: Table, rows: Indices) -> tuple[Floats, Floats]:
    """Mean scores and their covariance by comparison with one row on the same items: easy items favour nobody.

    The row that was scored on the most items is the reference; each other row is as much above it as it was on the
    items that both have. Rows that share samples err together on the same items, so many of them say little more than
    one. How much they do is itself measured on few items, so it is believed by n / (n + 10) only.
    """
    scores = table.scores[rows]
    counts = table.counts[rows]
    reference = int(np.lexsort((table.means[rows], counts))[-1])
    differences = scores - scores[reference]
    shared = (~np.isnan(differences)).sum(axis=1)
    apart = np.nansum(differences, axis=1) / np.maximum(shared, 1)
    errors = np.nan_to_num(differences - apart[:, None], nan=0.0) / np.maximum(shared - 1, 1)[:, None]
    noise = _less_rough(errors @ errors.T, shared, others=np.arange(len(rows)) != reference)
    noise[reference, reference] = 1e-4
    own = table.means[rows]
    return np.where(shared > 0, own[reference] + apart, own), noise


def _less_rough(measured: Floats, shared: Indices, *, others: NDArray[np.bool_]) -> Floats:
    """The covariance of differences measured on `shared` items: what few items say is drawn to what is usual.

    Usual is the variance an item of the `others`, all but the reference, and no covariance. The result is positive
    definite: min(n, m) / (min(n, m) + 10) is, so is its product with what was measured, and the diagonal only gains.
    """
    items = np.maximum(shared, 1)
    own = np.diag(measured) * items
    usual = np.average(own[others], weights=items[others]) if others.any() else 0.0
    together = np.minimum.outer(shared, shared)
    noise = measured * together / (together + ROUGH)
    variance = (items * own + ROUGH * usual) / (items + ROUGH) / items
    np.fill_diagonal(noise, variance + np.where(shared > 0, UNSEEN / items, 0.25))
    return np.asarray(noise, dtype=np.float64)


def counts_of(history: History, arms: Indices) -> NDArray[np.int64]:
    """How many items each of `arms` was scored on."""
    table = history.table
    if not len(table.configurations):
        return np.zeros(len(arms), dtype=np.int64)
    places = np.searchsorted(table.configurations, arms).clip(0, len(table.configurations) - 1)
    return np.where(table.configurations[places] == arms, table.counts[places], 0)


def _alive(history: History, arms: Indices) -> NDArray[np.bool_]:
    alive = np.ones(len(arms), dtype=bool)
    failed = history.failed()
    if failed:
        models, _ = history.problem.space.digits(arms)
        for place, stage in enumerate(history.problem.space.stages):
            bad = [k for k, model in enumerate(stage.models) if (stage.name, model) in failed]
            alive &= ~np.isin(models[place], bad)
    return alive


def _at_the_edge(history: History, arms: Indices) -> NDArray[np.bool_]:
    """Whether no stage can take the next number of samples within the budget."""
    problem = history.problem
    models, places = problem.space.digits(arms)
    edge = np.ones(len(arms), dtype=bool)
    for number, stage in enumerate(problem.space.stages):
        more = places.copy()
        more[number] = np.minimum(places[number] + 1, len(stage.samples) - 1)
        fits = problem.costs[problem.space.compose(models, more)] <= problem.budget * (1 + 1e-9)
        edge &= (places[number] == len(stage.samples) - 1) | ~fits
    return edge
