"""How likely is each named thing to be right? A logistic model over what the attempts named so far.

For every name it reads, of each model on the ladder: its share of the vote, how early attempts name it, and by how much
it leads; then how many failing tests cover it beside the others, and how many candidates there are. An answer whose
names come in a deliberate order says more than a set: that order is what plain votes throw away.
Knows nothing of policies or prices.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Forecast
from parcae.core.task import Candidate, Task
from parcae.core.trajectory import Step
from parcae.store.whole import write_whole

Floats = NDArray[np.float64]
OF_A_MODEL, OF_A_TASK = 11, 4  # features of a name
SCHEMA = "parcae.belief/1"
BELIEF_ENDING = ".belief.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFacts:
    """What is known before any attempt: failing tests that cover each name, and the number of candidates."""

    covering: Mapping[str, int] = field(default_factory=dict)
    candidates: int = 0

    def cover(self, names: Sequence[str]) -> Floats:
        """For each of `names`, the failing tests that cover it, as a share of the most; 1 where nothing is known."""
        most = max(self.covering.values(), default=0)
        return np.array([self.covering.get(name, 0) / most if most else 1.0 for name in names])


def facts_of_task(task: Task) -> NameFacts:
    """What `task` says itself of the names that may answer it."""
    return NameFacts(covering=task.covering, candidates=len(task.covering))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Sums over the attempts that ended; M models, K names, any leading axes.

    `share` (..., M, K): 1/|answer| for each answer that holds the name. `first` (..., M, K): 1/place, places from 1.
    `drawn` (..., M): attempts that ended, with or without an answer. `cover` (K,) and `candidates` as in NameFacts.
    """

    share: Floats
    first: Floats
    drawn: Floats
    cover: Floats
    candidates: int


def features_of(seen: Seen) -> Floats:
    """float64, shape (..., K, 11 M + 4); the last model is the one that answers are drawn from at last."""
    n = np.maximum(seen.drawn, 1.0)[..., None]  # (..., M, 1)
    share, first = seen.share / n, seen.first / n
    core = np.stack([share, first, _lead(share)], axis=-1)  # (..., M, K, 3)
    by_count = np.concatenate([core / n[..., None], core * np.sqrt(n)[..., None], core], axis=-1)
    named = np.stack([seen.share > 0, np.broadcast_to(seen.drawn[..., None] > 0, share.shape)], axis=-1)
    own = np.concatenate([by_count, named], axis=-1)  # (..., M, K, 11)
    flat = np.moveaxis(own, -3, -2).reshape(*share.shape[:-2], share.shape[-1], -1)
    last = 1 / n[..., -1, :]  # (..., 1)
    cover = np.broadcast_to(seen.cover, flat.shape[:-1])
    size = np.full(flat.shape[:-1], math.log1p(seen.candidates))
    rest = np.stack([cover, cover * last, size, np.broadcast_to(last, cover.shape)], axis=-1)
    return np.concatenate([flat, rest], axis=-1)


def _lead(share: Floats) -> Floats:
    """For each name, by how much it leads the best of the others (negative: trails)."""
    if share.shape[-1] == 1:
        return share
    two = np.sort(share, axis=-1)[..., -2:]
    top, second = two[..., 1:], two[..., :1]
    return np.asarray(share - np.where(share >= top - 1e-12, second, top))


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """A fitted model. `models`: the ladder that it was fitted on; `weights` has the intercept last."""

    models: tuple[str, ...]
    means: Floats
    scales: Floats
    weights: Floats

    def of(self, seen: Seen) -> Floats:
        """The probability that each name is right; 0 for names that nobody gave, shape (..., K)."""
        score = (features_of(seen) - self.means) / self.scales @ self.weights[:-1] + self.weights[-1]
        right = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
        return np.asarray(np.where(seen.share.sum(axis=-2) > 0, right, 0.0))


def fit_belief(
    models: tuple[str, ...], rows: Floats, right: Floats, weights: Floats, *, ridge: float = 0.3, rounds: int = 15
) -> Belief:
    """Fit by Newton's method with an L2 penalty of `ridge` times the sum of `weights`.

    Args:
        models: the ladder; its last model is the target.
        rows: float64 (N, F) from `features_of`, one a name and state.
        right: (N,) 1 if the name is right.
        weights: (N,) what each row counts; give every task the same sum.
        ridge: how much the weights are drawn to 0.
        rounds: the most Newton steps.

    Raises:
        CallerMistake: nothing to learn from.
    """
    if not len(rows) or right.min() == right.max():
        raise CallerMistake("a belief cannot be fitted: all names are right, or all wrong", "give more recordings")
    means, scales = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    x = np.concatenate([(rows - means) / scales, np.ones((len(rows), 1))], axis=1)
    penalty = np.full(x.shape[1], ridge * weights.sum())
    penalty[-1] = 1e-9
    beta = np.zeros(x.shape[1])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (weights * (right - p)) - penalty * beta
        bend = (x * (weights * p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        beta += step
        if np.abs(step).max() < 1e-6:
            break
    return Belief(models=models, means=means, scales=scales, weights=beta)


# ---- behind `watch` -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BeliefForecaster:
    """A Forecaster that says how likely each name is to be right. `facts` tells what is known of a task's names."""

    belief: Belief
    facts: Callable[[Task], NameFacts] = facts_of_task

    def watch(self, task: Task, samples: int) -> BeliefWatch:
        """Begin to follow the attempts at `task`."""
        return BeliefWatch(belief=self.belief, facts=self.facts(task))


@dataclass(slots=True, kw_only=True)
class BeliefWatch:
    """The answers given so far, each with the model that gave it."""

    belief: Belief
    facts: NameFacts
    answers: dict[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)

    def add(self, attempt: int, step: Step) -> None:
        """Take in one more step; only endings matter here."""
        if step.ending is None:
            return
        if step.model in self.belief.models:
            self.answers[attempt] = (step.model, tuple(dict.fromkeys(step.ending.answer)))
        else:
            self.strangers.add(step.model)

    def forecast(self) -> Forecast:
        """The names that were given, each with its probability; trust 0 while nothing is known of the answers."""
        names = tuple(dict.fromkeys(name for _, answer in self.answers.values() for name in answer))
        if not self.answers:
            said = (f"no belief about answers of {', '.join(sorted(self.strangers))}",) if self.strangers else ()
            return Forecast(p_fail=0.5, trust=0.0, reasons=said)
        if not names:
            return Forecast(p_fail=1.0, trust=1.0, reasons=("no attempt named anything",))
        right = self.belief.of(self._seen(names))
        ranked = sorted(zip(right, names, strict=True), key=lambda pair: -pair[0])
        candidates = tuple(Candidate(name=name, score=float(score)) for score, name in ranked)
        return Forecast(
            p_fail=1 - candidates[0].score,
            candidates=candidates,
            reasons=(f"{candidates[0].name} is right with {candidates[0].score:.0%}",),
        )

    def _seen(self, names: Sequence[str]) -> Seen:
        place, models = {name: k for k, name in enumerate(names)}, self.belief.models
        share, first = np.zeros((len(models), len(names))), np.zeros((len(models), len(names)))
        drawn = np.zeros(len(models))
        for model, answer in self.answers.values():
            m = models.index(model)
            drawn[m] += 1
            for order, name in enumerate(answer, start=1):
                share[m, place[name]] += 1 / len(answer)
                first[m, place[name]] += 1 / order
        return Seen(
            share=share, first=first, drawn=drawn, cover=self.facts.cover(names), candidates=self.facts.candidates
        )


# ---- the file -----------------------------------------------------------------------------------------------------


def save_belief(belief: Belief, file: Path) -> None:
    """Write `belief` as JSON, whole or not at all."""
    document = {"schema": SCHEMA, "models": list(belief.models)}
    arrays = {name: [float(x) for x in getattr(belief, name)] for name in ("means", "scales", "weights")}
    write_whole(file, json.dumps({**document, **arrays}))


def load_belief(file: Path) -> Belief:
    """Read what `save_belief` wrote.

    Raises:
        CallerMistake: the file is missing, damaged or of another version.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise CallerMistake(f"{file} holds {document['schema']!r}, this Parcae reads {SCHEMA!r}", "make it again")
        arrays = {name: np.array(document[name], dtype=np.float64) for name in ("means", "scales", "weights")}
        belief = Belief(models=tuple(map(str, document["models"])), **arrays)
        _refuse_misshapen(belief)
    except FileNotFoundError:
        raise CallerMistake(f"there is no belief {file}", "make one: parcae frontier --export") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CallerMistake(f"{file} is no belief: {error}", "make one: parcae frontier --export") from None
    return belief


def _refuse_misshapen(belief: Belief) -> None:
    features = OF_A_MODEL * len(belief.models) + OF_A_TASK
    shapes = {"means": features, "scales": features, "weights": features + 1}
    for name, size in shapes.items():
        array = getattr(belief, name)
        if array.shape != (size,) or not np.isfinite(array).all():
            raise ValueError(f"`{name}` is not {size} numbers, as {len(belief.models)} models need")
    if not belief.models or (belief.scales <= 0).any():
        raise ValueError("it names no model, or one of its `scales` is 0 or less")


def is_belief(file: Path) -> bool:
    """Whether `file` is meant as a belief, which is JSON; trained forecasters are zip archives."""
    if file.name.endswith(BELIEF_ENDING):
        return True
    try:
        with file.open("rb") as opened:
            return opened.read(1) == b"{"
    except OSError:
        return False


def refuse_strangers(belief: Belief, ladder: Sequence[str]) -> None:
    """Make sure that `belief` knows every model of `ladder`, so that it can be asked about all answers.

    Raises:
        CallerMistake: it was fitted on others.
    """
    strange = [name for name in dict.fromkeys(ladder) if name not in belief.models]
    if strange:
        raise CallerMistake(
            f"the plan's belief knows answers of {', '.join(belief.models)}, not of {', '.join(strange)}",
            f"export the plan again and name each as the ladder does: --as MODEL={strange[0]}",
        )
