"""Optuna as a strategy: its tree of Parzen estimators, or any other of its samplers (the `allocate` extra).

Optuna keeps its own state, so the study is built again from the history where that is not the one it knows: equal
histories give equal answers. Over-budget suggestions are projected, known ones are replaced by one at random.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from parcae.allocation.history import History, Proposal
from parcae.allocation.project import every_item, unseen
from parcae.allocation.space import Choice, Space
from parcae.core.errors import CallerMistake
from parcae.core.scope import derive_seed

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler


MOST = 800  # trials that Optuna is told at once
BLOCK = 200  # new trials before what it is told is picked anew


class Tpe:
    """One trial a step, each on all items. `sampler` makes Optuna's sampler from a seed; by default TPE."""

    def __init__(self, *, seed: int = 0, sampler: Callable[[int], BaseSampler] | None = None) -> None:
        self.seed = seed
        self._sampler = sampler or _tpe
        self._study: optuna.Study | None = None
        self._told: tuple[tuple[int, float], ...] = ()

    async def propose(self, history: History) -> Proposal | None:
        """What Optuna asks for next."""
        left = np.setdiff1d(history.problem.feasible, history.table.configurations)
        if not len(left):
            return None
        suggested = unseen(history, [self._ask(history)])
        why = "asked for by Optuna"
        if not suggested:
            rng = np.random.default_rng([self.seed, len(history.rounds)])
            suggested, why = [int(rng.choice(left))], "at random: Optuna asked for one that was run"
        return Proposal(configurations=np.array(suggested), items=every_item(history), why=why)

    def choose(self, history: History) -> int:
        """The best mean."""
        return history.best()

    def _ask(self, history: History) -> int:
        study = self._synced(history)
        study.sampler = self._sampler(derive_seed(self.seed, len(history.rounds)) % 2**32)
        space = history.problem.space
        asked = study.ask(_distributions(space))
        study.tell(asked, state=_library().trial.TrialState.FAIL)
        return _number(space, asked.params)

    def _synced(self, history: History) -> optuna.Study:
        """The study that was told exactly what `_remembered` of this history keeps."""
        library = _library()
        trials = _remembered(_trials(history))
        known = len(self._told)
        if self._study is None or trials[:known] != self._told:
            library.logging.set_verbosity(library.logging.WARNING)
            self._study, known = library.create_study(direction="maximize"), 0
        space = history.problem.space
        distributions = _distributions(space)
        for configuration, mean in trials[known:]:
            self._study.add_trial(
                library.trial.create_trial(
                    params=_params(space, configuration), distributions=distributions, value=mean
                )
            )
        self._told = trials
        return self._study


def _trials(history: History) -> list[tuple[int, float]]:
    """Every trial that gave a score, in order."""
    return [
        (int(configuration), float(mean))
        for played in history.rounds
        for configuration, mean in zip(played.configurations, np.nanmean(played.scores, axis=1), strict=True)
        if np.isfinite(mean)
    ]


def _remembered(trials: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """What Optuna is told: a step of it costs time in proportion to that.

    All trials up to MOST. Beyond, the best and the latest of those before the last multiple of BLOCK, and all since.
    """
    if len(trials) <= MOST:
        return tuple(trials)
    settled = MOST + (len(trials) - MOST - 1) // BLOCK * BLOCK
    latest = settled - (MOST - BLOCK) // 2
    best = sorted(sorted(range(latest), key=lambda place: -trials[place][1])[: (MOST - BLOCK) // 2])
    return tuple(trials[place] for place in [*best, *range(latest, len(trials))])


def _tpe(seed: int) -> BaseSampler:
    sampler: BaseSampler = _library().samplers.TPESampler(seed=seed, multivariate=False)
    return sampler


def _library() -> ModuleType:
    try:
        import optuna
    except ImportError:
        raise CallerMistake("the strategy `tpe` needs Optuna", "pip install 'parcae[allocate]'") from None
    return optuna


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    library = _library()
    found: dict[str, BaseDistribution] = {}
    for stage in space.stages:
        found[f"{stage.name}.model"] = library.distributions.CategoricalDistribution(stage.models)
        found[f"{stage.name}.samples"] = library.distributions.IntDistribution(0, len(stage.samples) - 1)
    return found


def _params(space: Space, configuration: int) -> dict[str, str | int]:
    params: dict[str, str | int] = {}
    for stage, choice in zip(space.stages, space.choices(configuration), strict=True):
        params[f"{stage.name}.model"] = choice.model
        params[f"{stage.name}.samples"] = stage.samples.index(choice.samples)
    return params


def _number(space: Space, params: dict[str, object]) -> int:
    return space.number(
        [
            Choice(
                model=str(params[f"{stage.name}.model"]),
                samples=stage.samples[int(str(params[f"{stage.name}.samples"]))],
            )
            for stage in space.stages
        ]
    )
