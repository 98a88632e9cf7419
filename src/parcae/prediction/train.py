"""From labelled groups of attempts to a forecaster, if it is better than the rule; else the rule stays.

A forecaster is trained for every moment at which a policy may look. Whether it is better is measured on tasks that it
had not seen: the Brier score of rule and forecaster, paired by task, with a bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Embedder
from parcae.prediction.blend import AnyHead
from parcae.prediction.calibrate import Calibration, calibrate, platt
from parcae.prediction.card import Card
from parcae.prediction.embedders import HASHED, arguments_of, card_name, embedder_for, held_by, learns
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
    looks = tuple(looks) if looks is not None else looks_for(labelled)
    examples = examples_of(labelled, looks)
    tools = vocabulary(labelled)
    names = feature_names(tools)
    progress(f"counting {len(examples)} prefixes")
    tallies = [example.prefix.tally() for example in examples]
    rows = rows_of(examples, names, tallies)
    rule = np.array([rule_p_fail(tally) for tally in tallies])
    tasks = len({example.task_id for example in examples})
    progress(f"fitting on {tasks} tasks")
    head: AnyHead | Gcn
    embedded, embedder_name = {}, ""
    if kind == GCN:
        head, curve, scores, words = _gcn(labelled, examples, rows, seed, gcn, embedder, progress)
        name, embedded, embedder_name = GCN, held_by(words), card_name(embedder, words)
    else:
        head, curve, scores, name = _fitted(rows, names, seed, kind)
        names = tuple(names[place] for place in columns_of(name, names))
    mains = np.array([not example.extra for example in examples])
    unseen = {name: scores[mains], "rule": rule[mains]}
    card = Card(
        kind=name,
        agent=agent,
        tools=tools,
        models=tuple(sorted({group.setup.model for group in labelled if group.setup.model})),
        data_hash=hash_of(examples),
        seed=seed,
        folds=FOLDS,
        tasks=tasks,
        examples=len(examples),
        failure_rate=float(rows.failed.mean()),
        looks=tuple(str(look) for look in looks),
        features=names,
        low=_quantiles(rows, feature_names(tools), names, 0.01),
        high=_quantiles(rows, feature_names(tools), names, 0.99),
        metrics={which: _metrics(rows.failed[mains], p) for which, p in unseen.items()},
        reliability=_reliability(rows.failed[mains], scores[mains]),
        stop_above=_stop(examples, rows, scores),
        calibration=curve.method,
        embedder=embedder_name,
    )
    fitted = Fitted(card=card, head=head, calibration=curve, embedded=embedded)
    return _compared(fitted, examples, rows, rule, scores, seed)


def _fitted(
    rows: Rows, names: tuple[str, ...], seed: int, kind: str | None
) -> tuple[AnyHead, Calibration, Floats, str]:
    """The head, how its scores become probabilities, these on unseen folds, and its kind."""
    wanted = BLENDED if kind in (None, BLEND) else (str(kind),)
    name, chosen = _best(fit_all(rows, names, seed, wanted), rows, kind)
    curve = calibrate(rows.failed, chosen.unseen, rows.fold)
    return chosen.head, curve, curve.each(chosen.unseen), name


def _best(fitted: dict[str, Chosen], rows: Rows, kind: str | None) -> tuple[str, Chosen]:
    """The kind asked for; else the one with the least Brier score on unseen folds."""
    if kind is not None:
        return kind, fitted[kind]
    name = min(fitted, key=lambda one: brier(rows.failed, fitted[one].unseen))
    return name, fitted[name]


def _gcn(
    groups: Sequence[Group],
    examples: Sequence[Example],
    rows: Rows,
    seed: int,
    settings: GcnSettings,
    words: str,
    progress: Progress,
) -> tuple[Gcn, Calibration, Floats, Embedder]:
    """The GCN on all tasks; what it says of unseen ones comes from one network, and one set of words, for each fold."""
    from parcae.prediction.gcn_training import train_gcn

    def embedder_without(fold: int | None) -> Embedder:
        attempts = (turns for one in groups if fold_of(one.task_id) != fold for turns in one.attempts)
        return embedder_for(words, arguments_of(attempts), seed=seed)

    embedder, tools = embedder_without(None), vocabulary(groups)
    graphs = graphs_of(examples, embedder, tools)
    unseen = np.zeros(len(graphs))
    for fold in range(FOLDS):
        outside = np.flatnonzero(rows.fold != fold)
        own = graphs_of(examples, embedder_without(fold), tools) if learns(words) else graphs
        watched = watched_of(rows.fold[outside], fold)
        network = train_gcn(
            [own[at] for at in outside],
            list(rows.failed[outside]),
            watched,
            seed=seed,
            settings=settings,
            progress=epochs(progress, f"fold {fold + 1} of {FOLDS}: GCN"),
        )
        inside = np.flatnonzero(rows.fold == fold)
        unseen[inside] = [network.score(own[at]) for at in inside]
    watched = watched_of(rows.fold, FOLDS - 1)  # the first fold that has any
    told = epochs(progress, "all folds: GCN")
    whole = train_gcn(graphs, list(rows.failed), watched, seed=seed, settings=settings, progress=told)
    curve = platt(rows.failed, unseen)
    return whole, curve, curve.each(unseen), embedder


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


def _compared(
    fitted: Fitted, examples: Sequence[Example], rows: Rows, rule: Floats, scores: Floats, seed: int
) -> Trained:
    """The gain over the rule by task, and whether chance alone could have made it."""
    gains: dict[str, list[float]] = {}
    for place, example in enumerate(examples):
        if not example.extra:
            failed = float(rows.failed[place])
            gains.setdefault(example.task_id, []).append((rule[place] - failed) ** 2 - (scores[place] - failed) ** 2)
    by_task = np.array([np.mean(own) for own in gains.values()])
    draws = np.random.default_rng(seed).integers(0, len(by_task), size=(2000, len(by_task)))
    low, high = (float(value) for value in np.quantile(by_task[draws].mean(axis=1), [0.025, 0.975]))
    gain, share = float(by_task.mean()), float(rows.failed.mean())
    plain = share * (1 - share)
    own = brier(rows.failed, scores)
    if low <= 0:
        why = "on tasks it had not seen it is not better than the rule beyond chance"
    elif own >= plain:
        why = "on tasks it had not seen it is not better than always saying how often votes fail"
    else:
        why = "on tasks it had not seen it is better than the rule"
    return Trained(fitted=fitted, better=low > 0 and own < plain, gain=gain, low=low, high=high, why=why)
