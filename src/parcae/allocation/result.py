"""What came of an allocation: the best, the runner-up, the promise, the frontier, the insights; and its JSON document.

Knows nothing of how the search went on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from parcae.allocation.belief import candidates, counts_of, current_belief
from parcae.allocation.costs import Floats
from parcae.allocation.guarantee import Guarantee, score_interval
from parcae.allocation.history import History
from parcae.allocation.intervals import mean_interval
from parcae.allocation.pipeline import Pipeline
from parcae.allocation.space import Indices
from parcae.allocation.strategies.race import standing_promise
from parcae.core.plan import Plan, StagePlan
from parcae.core.protocols import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A configuration with its mean score and an interval that allows for its having been picked."""

    configuration: int
    stages: tuple[tuple[str, str, int], ...]
    score: float
    low: float
    high: float
    cost: float | None
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The mean score of the choice on items that the search never saw; nothing was picked by them."""

    score: float
    low: float
    high: float
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What the choice owes to one of the three insights: believed score over what it would be without, cost likewise.

    `cost` is negative where the insight saves; None where a price is unknown. `without` says what was compared.
    """

    insight: int
    without: str
    score: float
    cost: float | None

    def __str__(self) -> str:
        cost = "" if self.cost is None else f" for ${self.cost:+.5f} an item"
        return f"insight {self.insight} contributed {self.score:+.3f}{cost}, compared with {self.without}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """`status`: "done", "limit", "cancelled". `curves`: (stage, model, samples, believed score)."""

    run: str
    pipeline: str
    status: str
    best: Scored | None
    runner_up: Scored | None
    differ: bool
    difference: tuple[float, float]
    guarantee: Guarantee | None
    compared: int
    feasible: int
    calls: int
    spent_usd: float
    nominal: bool
    frontier: tuple[Scored, ...]
    curves: tuple[tuple[str, str, int, float], ...]
    insights: tuple[str, ...]
    contributions: tuple[Contribution, ...]
    dropped: tuple[tuple[str, str, str], ...]
    decisions: tuple[str, ...]
    notes: tuple[str, ...]
    unit: str = "usd"
    held_out: HeldOut | None = None
    stage_scores: tuple[tuple[str, float], ...] = ()


def result_of(
    history: History,
    choice: int,
    *,
    run: str,
    pipeline: Pipeline,
    status: str,
    dropped: tuple[tuple[str, str, str], ...] = (),
    nominal: bool = False,
    held_out: Sequence[float] = (),
    stage_scores: tuple[tuple[str, float], ...] = (),
    notes: tuple[str, ...] = (),
) -> Result:
    """Everything that a history says. Without a score there is no best."""
    known = history.table.configurations[history.table.counts > 0]
    best = scored_of(history, choice) if choice in known else None
    second = _runner_up(history, choice) if best is not None else None
    low, high = (-1.0, 1.0) if second is None else _difference(history, choice, second.configuration)
    return Result(
        run=run,
        pipeline=pipeline.name,
        status=status,
        best=best,
        runner_up=second,
        differ=low > 0 or high < 0,
        difference=(low, high),
        guarantee=standing_promise(history) if best is not None else None,
        compared=len(candidates(history)),
        feasible=len(history.problem.feasible),
        calls=history.calls,
        spent_usd=history.spent,
        nominal=nominal,
        frontier=frontier_of(history),
        curves=curves_of(history, choice) if best is not None else (),
        insights=insights_of(history) if best is not None else (),
        contributions=contributions_of(history, choice) if best is not None else (),
        dropped=dropped,
        decisions=tuple(played.why for played in history.rounds),
        notes=notes,
        unit=history.problem.unit,
        held_out=_held_out(held_out, history.problem.delta),
        stage_scores=stage_scores,
    )


def scored_of(history: History, configuration: int) -> Scored:
    """The configuration's mean and its interval, corrected for having been picked among all that were compared."""
    row = history.table.row(configuration)
    known = row[~np.isnan(row)]
    low, high = score_interval(row, compared=len(candidates(history)), delta=history.problem.delta)
    cost = float(history.problem.costs[configuration])
    pairs = zip(history.problem.space.stages, history.problem.space.choices(configuration), strict=True)
    return Scored(
        configuration=configuration,
        stages=tuple((stage.name, one.model, one.samples) for stage, one in pairs),
        score=float(known.mean()) if len(known) else float("nan"),
        low=low,
        high=high,
        cost=None if np.isnan(cost) else cost,
        items=len(known),
    )


def _held_out(scores: Sequence[float], delta: float) -> HeldOut | None:
    if not scores:
        return None
    low, high = mean_interval(np.asarray(scores), delta)
    return HeldOut(score=float(np.mean(scores)), low=low, high=high, items=len(scores))


def frontier_of(history: History) -> tuple[Scored, ...]:
    """The configurations that no cheaper one beats, cheapest first; the budget does not bound it."""
    table, costs = history.table, history.problem.costs
    enough = table.counts * 2 >= max(int(table.counts.max(initial=0)), 1)
    known = table.configurations[enough & (table.counts > 0)]
    order = sorted((int(one) for one in known if np.isfinite(costs[one])), key=lambda one: float(costs[one]))
    found: list[Scored] = []
    for configuration in order:
        scored = scored_of(history, configuration)
        if not found or scored.score > found[-1].score + 1e-12:
            found.append(scored)
    return tuple(found)


def curves_of(history: History, choice: int) -> tuple[tuple[str, str, int, float], ...]:
    """For each stage and model the believed score by samples, other stages as chosen."""
    problem = history.problem
    arms = candidates(history)
    belief = current_belief(history, arms)
    models, places = problem.space.digits(arms)
    chosen_models, chosen_places = problem.space.digits(np.array([choice]))
    rows = []
    for number, stage in enumerate(problem.space.stages):
        others = [k for k in range(len(problem.space.stages)) if k != number]
        same = np.ones(len(arms), dtype=bool)
        for k in others:
            same &= (models[k] == chosen_models[k, 0]) & (places[k] == chosen_places[k, 0])
        for place in np.flatnonzero(same):
            model, size = stage.models[models[number, place]], stage.samples[places[number, place]]
            rows.append((stage.name, model, int(size), float(belief.mean[place])))
    return tuple(rows)


def insights_of(history: History) -> tuple[str, ...]:
    """The three insights for this very pipeline, as far as the scores at hand tell."""
    problem, table = history.problem, history.table
    scores = table.means
    found = []
    models, places = problem.space.digits(table.configurations)
    for number, stage in enumerate(problem.space.stages):
        means = {model: _mean(scores[models[number] == k]) for k, model in enumerate(stage.models)}
        known = {model: mean for model, mean in means.items() if mean is not None}
        if len(known) > 1:
            best = max(known, key=lambda model: known[model])
            told = ", ".join(f"{model} {mean:.3f}" for model, mean in known.items())
            alike = len(set(known.values())) == 1
            scores_best = "scores the same on all" if alike else f"scores best on {best}"
            found.append(f"insight 1, {stage.name}: {scores_best} ({told}, mean over the other stages)")
        sizes = [(size, _mean(scores[places[number] == k])) for k, size in enumerate(stage.samples)]
        curve = [(size, mean) for size, mean in sizes if mean is not None]
        if len(curve) > 1:
            top = max(mean for _, mean in curve)
            level = next(size for size, mean in curve if mean >= top - 0.01)
            found.append(f"insight 2, {stage.name}: levels off at about {level} samples")
    return (*found, *_interactions(history))


def _interactions(history: History) -> tuple[str, ...]:
    """Insight 3: whether a stage's best model changes with the model upstream."""
    space, table = history.problem.space, history.table
    models, _ = space.digits(table.configurations)
    found = []
    for number in range(1, len(space.stages)):
        stage, above = space.stages[number], space.stages[number - 1]
        best: dict[str, str] = {}
        for k, model in enumerate(above.models):
            own = models[number - 1] == k
            means = {name: _mean(table.means[own & (models[number] == j)]) for j, name in enumerate(stage.models)}
            measured = {name: mean for name, mean in means.items() if mean is not None}
            if measured:
                best[model] = max(measured, key=lambda name: measured[name])
        told = ", ".join(f"after {model}: {name}" for model, name in best.items())
        changes = "changes" if len(set(best.values())) > 1 else "does not change"
        found.append(f"insight 3, {stage.name}: its best model {changes} with {above.name} ({told})")
    return tuple(found)


def contributions_of(history: History, choice: int) -> tuple[Contribution, ...]:
    """The choice beside what stands without each insight, all as believed from the same scores.

    Without insight 1: the best configuration with one model in all stages. Without 2: the models of the choice with the
    most samples that are affordable. Without 3: each stage's model by its mean over everything, samples as chosen.
    """
    space, arms = history.problem.space, candidates(history)
    if choice not in arms:  # of a very large space only a part is believed about
        return ()
    mean = current_belief(history, arms).mean
    models, places = space.digits(arms)
    own_models, own_places = (digits[:, 0] for digits in space.digits(np.array([choice])))
    names = np.array([[stage.models[k] for k in row] for stage, row in zip(space.stages, models, strict=True)])
    alone = np.flatnonzero((names == names[0]).all(axis=0))
    most = np.flatnonzero((models == own_models[:, None]).all(axis=0))
    marginal = np.array([_best_alone(row, mean) for row in models])
    same = (models == marginal[:, None]).all(axis=0) & (places == own_places[:, None]).all(axis=0)
    found = []
    if len(space.stages) > 1 and len(alone):
        found.append((1, "one model in all stages", int(alone[mean[alone].argmax()])))
    if len(most) and max(len(stage.samples) for stage in space.stages) > 1:
        found.append((2, "as many samples as are affordable", int(most[places[:, most].sum(axis=0).argmax()])))
    if len(space.stages) > 1 and same.any():
        found.append((3, "each stage's model chosen by itself", int(np.flatnonzero(same)[0])))
    return tuple(_contribution(history, arms, mean, choice, *one) for one in found)


def _best_alone(models: Indices, mean: Floats) -> int:
    kinds = np.unique(models)
    return int(kinds[int(np.argmax([mean[models == kind].mean() for kind in kinds]))])


def _contribution(
    history: History, arms: Indices, mean: Floats, choice: int, insight: int, without: str, other: int
) -> Contribution:
    costs = history.problem.costs
    place = int(np.searchsorted(arms, choice))
    saved = float(costs[choice] - costs[arms[other]])
    return Contribution(
        insight=insight,
        without=without,
        score=float(mean[place] - mean[other]),
        cost=None if np.isnan(saved) else saved,
    )


def _mean(scores: Floats) -> float | None:
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else None


def _runner_up(history: History, choice: int) -> Scored | None:
    arms = candidates(history)
    counts = counts_of(history, arms)
    others = arms[(arms != choice) & (counts * 2 >= max(int(counts.max()), 1)) & (counts > 0)]
    if not len(others):
        return None
    found = [scored_of(history, int(one)) for one in others]
    return max(found, key=lambda one: (one.score, -(one.cost or 0.0)))


def _difference(history: History, one: int, other: int) -> tuple[float, float]:
    """A 95 % interval, at every moment, for how much `one` scores above `other` on the same items."""
    difference = history.table.row(one) - history.table.row(other)
    low, high = mean_interval((difference + 1) / 2, history.problem.delta)
    return 2 * low - 1, 2 * high - 1


def plan_of(pipeline: Pipeline, best: Scored) -> Plan:
    """The allocation as the Plan that every command reads: a ladder of one model and its attempts, a stage."""
    by_name = {stage.name: stage for stage in pipeline.stages}
    stages: dict[str, StagePlan] = {}
    for name, model, samples in best.stages:
        stage = by_name[name]
        plan = StagePlan(ladder=(model,), attempts=samples, temperature=stage.temperature, max_steps=stage.max_steps)
        stages[name] = plan
        if stage.kind in ("locate", "repair"):
            stages[stage.kind] = plan  # so that the command of that name finds it
    return Plan(default=next(reversed(stages.values())), stages=stages)


def document(result: Result) -> dict[str, JsonValue]:
    """The result as plain JSON values, under `schema: "parcae.allocate/1"`."""
    guarantee = result.guarantee
    return {
        "schema": "parcae.allocate/1",
        "run": result.run,
        "pipeline": result.pipeline,
        "status": result.status,
        "unit": result.unit,
        "best": None if result.best is None else _scored(result.best),
        "runner_up": None if result.runner_up is None else _scored(result.runner_up),
        "differ": result.differ,
        "difference": list(result.difference),
        "guarantee": None
        if guarantee is None
        else {
            "reached": guarantee.reached,
            "epsilon": guarantee.epsilon,
            "delta": guarantee.delta,
            "items": guarantee.items,
            "open": guarantee.open,
            "more_items": guarantee.more_items,
            "text": str(guarantee),
        },
        "held_out": None if result.held_out is None else asdict(result.held_out),
        "stage_scores": [{"stage": stage, "score": score} for stage, score in result.stage_scores],
        "compared": result.compared,
        "feasible": result.feasible,
        "calls": result.calls,
        "spent_usd": result.spent_usd,
        "nominal": result.nominal,
        "frontier": [_scored(one) for one in result.frontier],
        "curves": [
            {"stage": stage, "model": model, "samples": samples, "score": score}
            for stage, model, samples, score in result.curves
        ],
        "insights": list(result.insights),
        "contributions": [asdict(one) for one in result.contributions],
        "dropped": [{"stage": stage, "model": model, "why": why} for stage, model, why in result.dropped],
        "decisions": list(result.decisions),
        "notes": list(result.notes),
    }


def _scored(scored: Scored) -> dict[str, JsonValue]:
    stages: dict[str, JsonValue] = {
        name: {"model": model, "samples": samples} for name, model, samples in scored.stages
    }
    return {
        "stages": stages,
        "score": scored.score,
        "low": scored.low,
        "high": scored.high,
        "cost": scored.cost,
        "items": scored.items,
    }
