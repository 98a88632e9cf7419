"""What a job over several attempts found, cost and swapped: the value that terminals, JSON and pages show.

Knows nothing of how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from parcae.core.events import Decided, Forecasted
from parcae.core.protocols import ModelCard
from parcae.core.trajectory import Step, Trajectory
from parcae.core.usage import Usage

Status = Literal["done", "no_answer", "limit", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Something that attempts named. `file` is relative to the project; `line` counts from 1; None if not in a file."""

    name: str
    score: float
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """What one model did in this run. `cost_usd` None: no price is known. `nominal`: nobody charges this price."""

    calls: int
    usage: Usage
    cost_usd: float | None
    nominal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Attempts went on, or began, on a stronger model."""

    attempts: tuple[int, ...]
    to_model: str
    looked_at: tuple[int, ...]
    p_fail: float | None
    why: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """All attempts on the strongest model. `estimated`: from this run's tokens at its price; then `answer` is None."""

    model: str
    cost_usd: float | None
    estimated: bool
    answer: tuple[Suspect, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt as the report shows it."""

    name: str
    trajectory: Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A change that attempts made. `plausible`: the failing test passes and nothing else breaks; `broken` does.

    `votes` attempts made it, a `share` of all; `size` counts changed lines; `attempt` names one that made it.
    """

    diff: str
    files: tuple[str, ...]
    plausible: bool
    passes: bool
    broken: tuple[str, ...]
    votes: int
    share: float
    size: int
    attempt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole of a job over several attempts at one task."""

    run: str
    kind: str
    title: str
    question: str
    status: Status
    suspects: tuple[Suspect, ...]
    confidence: float
    cost_usd: float | None
    by_model: Mapping[str, ModelCost]
    swaps: tuple[Swap, ...]
    forecasts: tuple[Forecasted, ...]
    baseline: Baseline
    attempts: tuple[Attempt, ...]
    notes: tuple[str, ...] = ()
    decisions: tuple[Decided, ...] = ()
    patches: tuple[Patch, ...] = ()


def costs_by_model(attempts: Sequence[Attempt], cards: Mapping[str, ModelCard]) -> dict[str, ModelCost]:
    """Calls, tokens and dollars of each model over all attempts; steps of the harness cost nothing and are left out."""
    steps: dict[str, list[Step]] = {}
    for attempt in attempts:
        for step in attempt.trajectory.own:
            if step.model in cards:
                steps.setdefault(step.model, []).append(step)
    return {name: _cost(own, cards[name]) for name, own in steps.items()}


def _cost(steps: Sequence[Step], card: ModelCard) -> ModelCost:
    costs = [step.cost_usd for step in steps]
    return ModelCost(
        calls=len(steps),
        usage=sum((step.usage for step in steps), Usage()),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        nominal=card.price is not None and card.price.nominal,
    )


def estimated_baseline(attempts: Sequence[Attempt], strongest: ModelCard, names: Mapping[str, ModelCard]) -> Baseline:
    """What this run's own tokens would have cost at the strongest model's price: an estimate, and marked as one."""
    if strongest.price is None:
        return Baseline(model=strongest.name, cost_usd=None, estimated=True)
    steps = [step for attempt in attempts for step in attempt.trajectory.own if step.model in names]
    cost = sum(strongest.price.cost_usd(step.usage) for step in steps)
    return Baseline(model=strongest.name, cost_usd=cost, estimated=True)


def swaps_of(decisions: Sequence[Decided], forecasts: Sequence[Forecasted], ladder: Sequence[str]) -> tuple[Swap, ...]:
    """The decisions that moved attempts to another model, each with the forecast that it acted on."""
    p_fails = {forecast.looked_at: forecast.p_fail for forecast in forecasts}
    return tuple(
        Swap(
            attempts=decision.attempts,
            to_model=ladder[decision.rung],
            looked_at=decision.looked_at,
            p_fail=p_fails.get(decision.looked_at),
            why=decision.why,
            action=decision.action,
        )
        for decision in decisions
        if decision.action in {"swap", "start", "fork"} and decision.rung > 0
    )
