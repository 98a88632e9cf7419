"""From labelled groups of attempts to a forecaster, if it is better than the rule; else the rule stays.

A forecaster is trained for every moment at which a policy may look. Whether it is better is measured on tasks that it
had not seen: the Brier score of rule and forecaster, paired by task, with a bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Embedder
from parcae.graphs.semantic import FlowMatrix
from parcae.prediction.blend import AnyHead
from parcae.prediction.calibrate import Calibration, calibrate, platt
from parcae.prediction.card import Card
from parcae.prediction.commonness import beside, commonness
from parcae.prediction.embedders import HASHED, Arrays, arguments_of, card_name, embedder_for, held_by, learns
from parcae.prediction.evaluate import (
    BLEND,
    BLENDED,
    GCN,
    LEARNED,
    PAPER,
    Progress,
    columns_of,
    epochs,
    fit_all,
    unheard,
    watched_of,
)
from parcae.prediction.fit import Chosen, Rows, require_sklearn
from parcae.prediction.fitted import Fitted
from parcae.prediction.gcn import Gcn, GcnSettings
from parcae.prediction.metrics import Bools, Floats, accuracy, auc, brier, reliability
from parcae.prediction.prefixes import FOLDS, Example, Group, Look, examples_of, fold_of
from parcae.prediction.risk import stop_above
from parcae.prediction.rows import checked, feature_names, graphs_of, hash_of, rows_of, vocabulary
from parcae.prediction.rule import rule_p_fail

KINDS = (*LEARNED, "prior", GCN)
Ints = NDArray[np.intp]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lesson:
    """What is learned from: every group at every look, its counts, and what the untrained rule says of it."""

    groups: Sequence[Group]
    looks: tuple[Look, ...]
    tools: tuple[str, ...]
    examples: Sequence[Example]
    rows: Rows
    rule: Floats
    seed: int

    @property
    def tasks(self) -> int:
        """How many there are."""
        return len({example.task_id for example in self.examples})

    @property
    def mains(self) -> Bools:
        """Which examples figures are told of: extra groups of a task only teach."""
        return np.array([not example.extra for example in self.examples])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learned:
    """A head, how its scores become probabilities, and these on tasks that it had not seen.

    `features`: the columns that it reads. `embedder`, `embedded`: what its graphs know of texts, by name and as arrays.
    """

    kind: str
    head: AnyHead | Gcn
    curve: Calibration
    unseen: Floats
    features: tuple[str, ...]
    embedder: str = ""
    embedded: Arrays = field(default_factory=dict)


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
    tasks = {group.task_id for group in labelled}
    lesson = _lesson(beside(labelled, tasks), looks, seed, progress)
    progress(f"fitting on {lesson.tasks} tasks")
    learned = _gcn(lesson, gcn, embedder, progress) if kind == GCN else _fitted(lesson, kind)
    fitted = Fitted(
        card=_card(lesson, learned, agent),
        head=learned.head,
        calibration=learned.curve,
        embedded=learned.embedded,
        common=commonness(labelled, tasks),
    )
    return _compared(fitted, lesson, learned.unseen)


def _lesson(groups: Sequence[Group], looks: Sequence[Look] | None, seed: int, progress: Progress) -> _Lesson:
    chosen = tuple(looks) if looks is not None else looks_for(groups)
    examples, tools = examples_of(groups, chosen), vocabulary(groups)
    progress(f"counting {len(examples)} prefixes")
    tallies = [example.prefix.tally() for example in examples]
    return _Lesson(
        groups=groups,
        looks=chosen,
        tools=tools,
        examples=examples,
        rows=rows_of(examples, feature_names(tools), tallies),
        rule=np.array([rule_p_fail(tally) for tally in tallies]),
        seed=seed,
    )


def _card(lesson: _Lesson, learned: _Learned, agent: str) -> Card:
    rows, mains, columns = lesson.rows, lesson.mains, feature_names(lesson.tools)
    failed, unseen = rows.failed[mains], {learned.kind: learned.unseen[mains], "rule": lesson.rule[mains]}
    return Card(
        kind=learned.kind,
        agent=agent,
        tools=lesson.tools,
        models=tuple(sorted({group.setup.model for group in lesson.groups if group.setup.model})),
        data_hash=hash_of(lesson.examples),
        seed=lesson.seed,
        folds=FOLDS,
        tasks=lesson.tasks,
        examples=len(lesson.examples),
        failure_rate=float(rows.failed.mean()),
        looks=tuple(str(look) for look in lesson.looks),
        features=learned.features,
        low=_quantiles(rows, columns, learned.features, 0.01),
        high=_quantiles(rows, columns, learned.features, 0.99),
        metrics={which: _metrics(failed, p) for which, p in unseen.items()},
        reliability=_reliability(failed, learned.unseen[mains]),
        stop_above=_stop(lesson.examples, rows, learned.unseen),
        calibration=learned.curve.method,
        embedder=learned.embedder,
    )


def _fitted(lesson: _Lesson, kind: str | None) -> _Learned:
    """A head on counts: the kind asked for, or the best on unseen folds."""
    rows, names = lesson.rows, feature_names(lesson.tools)
    wanted = BLENDED if kind in (None, BLEND) else (str(kind),)
    name, chosen = _best(fit_all(rows, names, lesson.seed, wanted), rows, kind)
    curve = calibrate(rows.failed, chosen.unseen, rows.fold)
    features = tuple(names[place] for place in columns_of(name, names))
    return _Learned(kind=name, head=chosen.head, curve=curve, unseen=curve.each(chosen.unseen), features=features)


def _best(fitted: dict[str, Chosen], rows: Rows, kind: str | None) -> tuple[str, Chosen]:
    """The kind asked for; else the one with the least Brier score on unseen folds."""
    if kind is not None:
        return kind, fitted[kind]
    name = min(fitted, key=lambda one: brier(rows.failed, fitted[one].unseen))
    return name, fitted[name]


def _gcn(lesson: _Lesson, settings: GcnSettings, words: str, progress: Progress) -> _Learned:
    """The GCN on all tasks; what it says of unseen ones comes from one network, and one set of words, for each fold."""
    from parcae.prediction.gcn_training import train_gcn

    rows, failed = lesson.rows, lesson.rows.failed

    def embedder_without(fold: int | None) -> Embedder:
        attempts = (turns for one in lesson.groups if fold_of(one.task_id) != fold for turns in one.attempts)
        return embedder_for(words, arguments_of(attempts), seed=lesson.seed)

    def fit(graphs: Sequence[FlowMatrix], places: Ints, held_out: int, what: str) -> Gcn:
        told = epochs(progress, f"{what}: GCN")
        watched = watched_of(rows.fold[places], held_out)
        own = [graphs[at] for at in places]
        return train_gcn(own, list(failed[places]), watched, seed=lesson.seed, settings=settings, progress=told)

    embedder = embedder_without(None)
    graphs = graphs_of(lesson.examples, embedder, lesson.tools)
    unseen = np.zeros(len(graphs))
    for fold in range(FOLDS):
        own = graphs_of(lesson.examples, embedder_without(fold), lesson.tools) if learns(words) else graphs
        network = fit(own, np.flatnonzero(rows.fold != fold), fold, f"fold {fold + 1} of {FOLDS}")
        inside = np.flatnonzero(rows.fold == fold)
        unseen[inside] = [network.score(own[at]) for at in inside]
    whole = fit(graphs, np.arange(len(graphs)), FOLDS - 1, "all folds")  # the first fold that has any is watched
    curve = platt(failed, unseen)
    return _Learned(
        kind=GCN,
        head=whole,
        curve=curve,
        unseen=curve.each(unseen),
        features=feature_names(lesson.tools),
        embedder=card_name(words, embedder),
        embedded=held_by(embedder),
    )


def _quantiles(rows: Rows, columns: tuple[str, ...], names: tuple[str, ...], at: float) -> tuple[float, ...]:
    places = [columns.index(name) for name in names]
    return tuple(float(value) for value in np.quantile(rows.features[:, places], at, axis=0))


def _metrics(failed: Bools, p_fail: Floats) -> dict[str, float]:
    return {"accuracy": accuracy(failed, p_fail), "auc": auc(failed, p_fail), "brier": brier(failed, p_fail)}


def _reliability(failed: Bools, p_fail: Floats) -> tuple[tuple[float, float, int, float, float], ...]:
    return tuple(
        (one.low, one.high, one.tasks, one.mean_p_fail, one.failure_rate) for one in reliability(failed, p_fail)
    )


def _stop(examples: Sequence[Example], rows: Rows, scores: Floats) -> float | None:
    """One forecast a task: the largest over its moments, so that looking often keeps the promise."""
    largest: dict[str, tuple[bool, float]] = {}
    for example, failed, score in zip(examples, rows.failed, scores, strict=True):
        if not example.extra:
            before = largest.get(example.task_id, (bool(failed), 0.0))
            largest[example.task_id] = (before[0], max(before[1], float(score)))
    verdicts = np.array([verdict for verdict, _ in largest.values()], dtype=bool)
    threshold = stop_above(verdicts, np.array([score for _, score in largest.values()]))
    return None if np.isinf(threshold) else threshold


def _compared(fitted: Fitted, lesson: _Lesson, unseen: Floats) -> Trained:
    """The gain over the rule by task, and whether chance alone could have made it."""
    gains: dict[str, list[float]] = {}
    for place, example in enumerate(lesson.examples):
        if not example.extra:
            failed = float(lesson.rows.failed[place])
            gain = (lesson.rule[place] - failed) ** 2 - (unseen[place] - failed) ** 2
            gains.setdefault(example.task_id, []).append(gain)
    by_task = np.array([np.mean(own) for own in gains.values()])
    draws = np.random.default_rng(lesson.seed).integers(0, len(by_task), size=(2000, len(by_task)))
    low, high = (float(value) for value in np.quantile(by_task[draws].mean(axis=1), [0.025, 0.975]))
    mean, share = float(by_task.mean()), float(lesson.rows.failed.mean())
    plain = share * (1 - share)
    own = brier(lesson.rows.failed, unseen)
    if low <= 0:
        why = "on tasks it had not seen it is not better than the rule beyond chance"
    elif own >= plain:
        why = "on tasks it had not seen it is not better than always saying how often votes fail"
    else:
        why = "on tasks it had not seen it is better than the rule"
    return Trained(fitted=fitted, better=low > 0 and own < plain, gain=mean, low=low, high=high, why=why)
