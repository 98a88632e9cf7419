"""A curve read at a cost: what it keeps there, beside others, and no figure where it does not reach.

Between two points of a curve a user would run one of both by lot; below its cheapest point there is nothing to run.
Knows nothing of how curves are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from parcae.core.plan import Plan
from parcae.hotswap.bootstrap import Reference, along, interval, undominated
from parcae.prediction.belief import Floats

RIVALS = ("adaptive", "fixed", "esc", "adaptive_consistency", "cascade")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One policy: what it keeps (with its 95 % interval) and costs, both relative to all attempts of the target.

    `plan`: what does the same live; None where that needs a forecaster beside it, or hindsight.
    """

    relative_cost: float
    relative_performance: float
    low: float
    high: float
    policy: str
    by_fold: Mapping[int, str] = field(default_factory=dict)
    plan: Plan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Ours less a rival over the same resamples, with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Ours beside a rival at one relative cost; None for a curve whose cheapest point costs more."""

    relative_cost: float
    rival: str
    ours: float | None
    theirs: float | None
    difference: Difference | None


@dataclass(slots=True)
class Curve:
    """(success, US dollars) of each task for every point of a curve."""

    names: list[str] = field(default_factory=list)
    success: list[Floats] = field(default_factory=list)
    cost: list[Floats] = field(default_factory=list)
    by_fold: list[Mapping[int, str]] = field(default_factory=list)
    plans: list[Plan | None] = field(default_factory=list)

    def add(
        self,
        name: str,
        success: Floats,
        cost: Floats,
        by_fold: Mapping[int, str] | None = None,
        plan: Plan | None = None,
    ) -> None:
        """One more point."""
        self.names.append(name)
        self.success.append(success)
        self.cost.append(cost)
        self.by_fold.append(by_fold or {})
        self.plans.append(plan)

    def holds(self, success: Floats, cost: Floats) -> bool:
        """Whether a point has the same outcome and cost for every task: two on one spot say no more than one."""
        known = zip(self.success, self.cost, strict=True)
        return any(np.array_equal(success, one) and np.array_equal(cost, other) for one, other in known)


def points_of(curve: Curve, ref: Reference) -> tuple[Point, ...]:
    """The points of `curve`, cheapest first."""
    points = []
    columns = (curve.names, curve.success, curve.cost, curve.by_fold, curve.plans)
    for name, success, cost, by_fold, plan in zip(*columns, strict=True):
        relative_cost, performance = ref.relative(success, cost)
        low, high = interval(ref.performances(success))
        points.append(
            Point(
                relative_cost=relative_cost,
                relative_performance=performance,
                low=low,
                high=high,
                policy=name,
                by_fold=by_fold,
                plan=plan,
            )
        )
    return tuple(sorted(points, key=lambda point: point.relative_cost))


def kept_at(curve: Curve, ref: Reference, at: float, *, best: bool) -> tuple[float, Floats] | None:
    """Performance for a relative cost of `at`, over all tasks and in each resample (B,).

    Above its dearest point a curve keeps what that keeps. None where it does not reach: its cheapest point costs more.
    `best`: along its undominated points only, which these same tasks picked, and with its cheapest point in resamples
    where that costs more after all: right for rivals, whom both flatter, never for ours.
    """
    points = [ref.relative(success, cost) for success, cost in zip(curve.success, curve.cost, strict=True)]
    kept = undominated(points) if best else sorted(range(len(points)), key=lambda i: points[i][0])
    costs = np.stack([ref.costs(curve.cost[i]) for i in kept])
    if points[kept[0]][0] > at or (not best and costs.min(axis=0).max() > at):
        return None
    performances = np.stack([ref.performances(curve.success[i]) for i in kept])
    here = float(np.interp(at, [points[i][0] for i in kept], [points[i][1] for i in kept]))
    return here, along(costs, performances, at, best=best)


def paired(curves: Mapping[str, Curve], ref: Reference, rival: str, at: float) -> Paired:
    """Ours beside `rival` at the relative cost `at`."""
    ours, theirs = (kept_at(curves[name], ref, at, best=name != "ours") for name in ("ours", rival))
    difference = None
    if ours is not None and theirs is not None:
        low, high = interval(ours[1] - theirs[1])
        difference = Difference(mean=ours[0] - theirs[0], low=low, high=high)
    return Paired(
        relative_cost=at,
        rival=rival,
        ours=None if ours is None else ours[0],
        theirs=None if theirs is None else theirs[0],
        difference=difference,
    )


def gap_closed(curves: Mapping[str, Curve], ref: Reference, at: float) -> float | None:
    """Our share of the way from adaptive to the oracle at `at`; None where one does not reach, or there is no way."""
    names = ("ours", "adaptive", "oracle")
    read = [kept_at(curves[name], ref, at, best=name != "ours") for name in names]
    if any(one is None for one in read):
        return None
    ours, adaptive, oracle = (one[0] for one in read if one is not None)
    return (ours - adaptive) / (oracle - adaptive) if oracle > adaptive + 1e-9 else None
