"""From labelled groups of attempts to a forecaster, if it is better than the rule; else the rule stays.

A forecaster is trained for every moment at which a policy may look. Whether it is better is measured on tasks that it
had not seen: the Brier score of rule and forecaster, paired by task, with a bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Embedder
from parcae.graphs.semantic import FlowMatrix
from parcae.prediction.card import Card
from parcae.prediction.commonness import commonness
from parcae.prediction.crossfit import (
    BLEND,
    BLENDED,
    GCN,
    LEARNED,
    NO_FOLD,
    PAPER,
    SELECTED,
    Learned,
    Lesson,
    Progress,
    epochs,
    forecasts_of,
    gcn_forecasts,
    graphs_by_place,
    learn,
    learn_gcn,
    unheard,
)
from parcae.prediction.embedders import HASHED, arguments_of, card_name, embedder_for, held_by, learns
from parcae.prediction.fit import require_sklearn
from parcae.prediction.fitted import Fitted
from parcae.prediction.gcn import GcnSettings
from parcae.prediction.metrics import Bools, Floats, accuracy, auc, brier, reliability
from parcae.prediction.prefixes import FOLDS, Group, Look, Setup, fold_of
from parcae.prediction.risk import stop_above
from parcae.prediction.rows import checked, hash_of

KINDS = (*LEARNED, "prior", GCN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training came to. `better`: it beats the rule on unseen tasks, and more than by chance.

    `gain` is the rule's Brier score minus the forecaster's on unseen tasks, `low` and `high` its 95 % interval.
    """

    fitted: Fitted
    better: bool
    gain: float
    low: float
    high: float
    why: str


def looks_for(groups: Sequence[Group]) -> tuple[Look, ...]:
    """The moments to train for: a few numbers of turns, a few numbers of ended attempts, and the end."""
    longest = max((len(turns) for group in groups for turns in group.attempts), default=1)
    samples = max((len(group.attempts) for group in groups), default=1)
    turns = [at for at in (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32) if at < longest]
    ended = [at for at in (1, 2, 3, 5, 8) if at < samples]
    return (*(Look(at=at) for at in turns), *(Look(kind="sequential", at=at) for at in ended), Look())


def train(
    groups: Sequence[Group],
    *,
    agent: str = "locate",
    kind: str | None = None,
    looks: Sequence[Look] | None = None,
    seed: int = 1,
    gcn: GcnSettings = PAPER,
    embedder: str = HASHED,
    progress: Progress = unheard,
) -> Trained:
    """Fit the forecaster `kind`, or the best on unseen tasks, and compare it with the rule.

    `embedder` is for the kind that reads graphs: see `embedders.embedder_for`.

    Raises:
        CallerMistake: nothing to learn from (see `checked`), an unknown kind or embedder, an embedder for a kind that
            reads no graphs; scikit-learn, torch or gensim is missing.
    """
    require_sklearn()
    if kind is not None and kind not in KINDS:
        raise CallerMistake(f"there is no forecaster {kind!r} to train", f"use one of {', '.join(KINDS)}")
    if embedder != HASHED and kind != GCN:
        raise CallerMistake(f"only the graph network reads texts, by --embedder {embedder}", "add --kind gcn")
    labelled = checked(groups)
    progress("counting what was done")
    lesson = Lesson.of(labelled, looks_for(labelled) if looks is None else looks)
    found = _gcn(lesson, gcn, embedder, seed, progress) if kind == GCN else _heads(lesson, kind, seed, progress)
    fitted = Fitted(
        card=_card(lesson, found, agent, seed),
        head=found.learned.head,
        calibration=found.learned.curve,
        embedded={} if found.words is None else held_by(found.words),
        common=commonness(labelled, {group.task_id for group in labelled}),
    )
    return _compared(fitted, lesson, found.unseen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A forecaster of all tasks, and what others of its making say of each example, (n,), without its fold of tasks.

    `embedder`, `words`: what its graphs know of texts, by name and as it is; only the graph network has such.
    """

    learned: Learned
    unseen: Floats
    embedder: str = ""
    words: Embedder | None = None


def _heads(lesson: Lesson, kind: str | None, seed: int, progress: Progress) -> _Found:
    """The kind of head that was asked for, or the best on inner folds; for each fold the others choose anew."""
    heads, wanted = BLENDED if kind in (None, BLEND) else (str(kind),), kind or SELECTED
    unseen = np.full(len(lesson.examples), np.nan)
    for fold in (one for one in range(FOLDS) if lesson.inside(one)):
        progress(f"fold {fold + 1} of {FOLDS}: fitting")
        unseen[lesson.inside(fold)] = forecasts_of(lesson.without(fold), fold, seed, heads)[wanted][0]
    progress("all folds: fitting")
    return _Found(learned=learn(lesson.rows, lesson.names, seed, heads)[wanted], unseen=unseen)


def _gcn(lesson: Lesson, settings: GcnSettings, words: str, seed: int, progress: Progress) -> _Found:
    """The same of the graph network; an embedder that learns has not read the tasks of the fold either."""

    def words_without(fold: int) -> Embedder:
        attempts = (turns for one in lesson.groups if fold_of(one.task_id) != fold for turns in one.attempts)
        return embedder_for(words, arguments_of(attempts), seed=seed)

    def learned(graphs: Mapping[int, FlowMatrix], fold: int, what: str) -> Learned:
        told = epochs(progress, f"{what}: GCN")
        return learn_gcn(lesson, graphs, fold, seed=seed, settings=settings, progress=told)

    embedder = words_without(NO_FOLD)
    graphs = graphs_by_place(lesson, embedder)
    unseen = np.full(len(lesson.examples), np.nan)
    for fold in (one for one in range(FOLDS) if lesson.inside(one)):
        own = graphs_by_place(lesson, words_without(fold)) if learns(words) else graphs
        network = learned(own, fold, f"fold {fold + 1} of {FOLDS}")
        unseen[lesson.inside(fold)] = gcn_forecasts(lesson, own, fold, network)
    whole = learned(graphs, NO_FOLD, "all folds")
    return _Found(learned=whole, unseen=unseen, embedder=card_name(words, embedder), words=embedder)


def _card(lesson: Lesson, found: _Found, agent: str, seed: int) -> Card:
    learned, unseen = found.learned, found.unseen
    rows, mains = lesson.rows, lesson.mains
    failed, said = rows.failed[mains], {learned.kind: unseen[mains], "rule": lesson.untrained["rule"][mains]}
    read = rows.features[:, list(learned.columns)]
    return Card(
        kind=learned.kind,
        agent=agent,
        tools=lesson.tools,
        models=tuple(sorted({model for group in lesson.groups for model in group.setup.models})),
        data_hash=hash_of(lesson.examples),
        seed=seed,
        folds=FOLDS,
        tasks=len({example.task_id for example in lesson.examples}),
        examples=len(lesson.examples),
        failure_rate=float(rows.failed.mean()),
        looks=tuple(str(look) for look in lesson.looks),
        features=tuple(lesson.names[place] for place in learned.columns),
        low=tuple(np.quantile(read, 0.01, axis=0).tolist()),
        high=tuple(np.quantile(read, 0.99, axis=0).tolist()),
        metrics={which: _metrics(failed, p) for which, p in said.items()},
        reliability=_reliability(failed, unseen[mains]),
        stop_above=_stop(lesson, unseen),
        calibration=learned.curve.method,
        embedder=found.embedder,
        taken_by=tuple(sorted({group.taken_by for group in lesson.groups if group.taken_by})),
    )


def _metrics(failed: Bools, p_fail: Floats) -> dict[str, float]:
    return {"accuracy": accuracy(failed, p_fail), "auc": auc(failed, p_fail), "brier": brier(failed, p_fail)}


def _reliability(failed: Bools, p_fail: Floats) -> tuple[tuple[float, float, int, float, float], ...]:
    return tuple(
        (one.low, one.high, one.tasks, one.mean_p_fail, one.failure_rate) for one in reliability(failed, p_fail)
    )


def _stop(lesson: Lesson, unseen: Floats) -> float | None:
    """One forecast a task and set-up: the largest over its moments, so that looking often keeps the promise."""
    largest: dict[tuple[str, Setup], tuple[bool, float]] = {}
    for place in lesson.mains:
        example, said = lesson.examples[place], float(unseen[place])
        _, before = largest.get((example.task_id, example.setup), (example.failed, 0.0))
        largest[example.task_id, example.setup] = (example.failed, max(before, said))
    verdicts = np.array([verdict for verdict, _ in largest.values()], dtype=bool)
    threshold = stop_above(verdicts, np.array([said for _, said in largest.values()]))
    return None if np.isinf(threshold) else threshold


def _compared(fitted: Fitted, lesson: Lesson, unseen: Floats) -> Trained:
    """The gain over the rule, and over always saying the same, by task, and whether chance alone could have made it."""
    failed = lesson.rows.failed[lesson.mains].astype(float)
    tasks = [lesson.examples[place].task_id for place in lesson.mains]
    own = (unseen[lesson.mains] - failed) ** 2
    rule = (lesson.untrained["rule"][lesson.mains] - failed) ** 2
    gain, low, high = _gain(tasks, rule - own, fitted.card.seed)
    _, over_share, _ = _gain(tasks, (failed.mean() - failed) ** 2 - own, fitted.card.seed)
    if low <= 0:
        why = "on tasks it had not seen it is not better than the rule beyond chance"
    elif over_share <= 0:
        why = "on tasks it had not seen it is not better than always saying how often votes fail beyond chance"
    else:
        why = "on tasks it had not seen it is better than the rule"
    return Trained(fitted=fitted, better=low > 0 and over_share > 0, gain=gain, low=low, high=high, why=why)


def _gain(tasks: Sequence[str], gains: Floats, seed: int) -> tuple[float, float, float]:
    """The mean over tasks of the mean of each one's `gains` (n,), with its 95 % interval over tasks."""
    by_task: dict[str, list[float]] = {}
    for task, gain in zip(tasks, gains, strict=True):
        by_task.setdefault(task, []).append(float(gain))
    means = np.array([np.mean(own) for own in by_task.values()])
    draws = np.random.default_rng(seed).integers(0, len(means), size=(2000, len(means)))
    low, high = np.quantile(means[draws].mean(axis=1), [0.025, 0.975])
    return float(means.mean()), float(low), float(high)
