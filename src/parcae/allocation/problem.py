"""The question that a search answers: which configuration within the budget scores best. Knows no strategy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from parcae.allocation.costs import Floats
from parcae.allocation.space import Indices, Space
from parcae.core.errors import CallerMistake


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A space, what its configurations cost per item, the most that one may cost, and how much the search may use.

    `costs`: shape (space.size,), NaN where nothing is known yet; such a configuration counts as affordable until it is
    measured. `unit` names the cost ("usd", "units", "tokens"). `items`: how many may be used. `max_calls` and
    `max_cost` bound the search itself (samples drawn that nobody drew before; what these cost). The promise is: within
    `epsilon` of the best affordable configuration with probability 1 - `delta`. `shared`: configurations share samples
    stage by stage (the usual case); False where each configuration's outcome is drawn for itself.
    """

    space: Space
    costs: Floats
    items: int
    budget: float = float("inf")
    unit: str = "usd"
    max_calls: float = float("inf")
    max_cost: float = float("inf")
    epsilon: float = 0.02
    delta: float = 0.05
    seed: int = 0
    shared: bool = True

    def __post_init__(self) -> None:
        if self.costs.shape != (self.space.size,):
            raise ValueError(f"costs must have shape ({self.space.size},), not {self.costs.shape}")
        if self.items < 1:
            raise CallerMistake("there are no items to search on", "give the pipeline an `items` file with rows")
        if not len(self.feasible):
            raise CallerMistake(
                f"no configuration fits the budget of {self.budget:g} {self.unit} per item: the cheapest, "
                f"{self.space.describe(self.cheapest)}, costs {self.costs[self.cheapest]:g}",
                "raise the budget to at least that, or add a cheaper model",
            )

    @property
    def cheapest(self) -> int:
        """The configuration that costs least, of those whose cost is known."""
        return int(np.nanargmin(self.costs))

    @cached_property
    def prices(self) -> tuple[Floats, ...]:
        """What the models of each stage cost, an array a stage; NaN where nothing is known yet.

        A model's price is the cost of the cheapest configuration that has it with its fewest samples.
        """
        models, places = self.space.digits(np.arange(self.space.size, dtype=np.int64))
        found = []
        for own, place, stage in zip(models, places, self.space.stages, strict=True):
            cheapest = np.full(len(stage.models), np.inf)
            known = (place == 0) & (self.costs > 0)
            np.minimum.at(cheapest, own[known], self.costs[known])
            found.append(np.where(np.isfinite(cheapest), cheapest, np.nan))
        return tuple(found)

    @cached_property
    def feasible(self) -> Indices:
        """The configurations that fit the budget, ascending. A rounding error of 1e-9 of the budget is forgiven."""
        fits = np.isnan(self.costs) | (self.costs <= self.budget * (1 + 1e-9))
        return np.flatnonzero(fits).astype(np.int64)

    def fits(self, configuration: int) -> bool:
        """Whether the configuration is within the budget, as far as is known."""
        cost = self.costs[configuration]
        return bool(np.isnan(cost) or cost <= self.budget * (1 + 1e-9))

    def draws(self, configurations: Indices) -> float:
        """The most samples that one item takes to score all of `configurations` with nothing drawn before."""
        if not self.shared:
            return float(len(configurations))
        models, places = self.space.digits(configurations)
        total = 0.0
        for stage, own_models, own_places in zip(self.space.stages, models, places, strict=True):
            deepest = np.zeros(len(stage.models))
            np.maximum.at(deepest, own_models, np.asarray(stage.samples, dtype=np.float64)[own_places])
            total += float(deepest.sum())
        return total
