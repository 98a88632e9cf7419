"""How well forecasters do on tasks that they never saw: nested, split by task, beside baselines, with intervals.

The forecasts come from `crossfit`. Figures are over all folds' forecasts; intervals from a bootstrap over tasks, each
with all its groups.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from parcae.prediction.crossfit import (
    GCN,
    HEADS,
    PAPER,
    Lesson,
    Progress,
    epochs,
    forecasts_of,
    gcn_forecasts,
    graphs_by_place,
    learn_gcn,
    unheard,
)
from parcae.prediction.embedders import HASHED, arguments_of, embedder_for
from parcae.prediction.fit import require_sklearn
from parcae.prediction.gcn import GcnSettings
from parcae.prediction.metrics import METRICS, Bin, Bools, Floats, accuracy, accuracy_at_coverage, auc, bootstrap
from parcae.prediction.metrics import calibration_error as error_of_calibration
from parcae.prediction.metrics import reliability as reliability_of
from parcae.prediction.prefixes import FOLDS, Group, Look
from parcae.prediction.rows import checked

LEAKING = "gcn, authors' protocol (leaks)"
NO_FIGURE = "not comparable: tested on tasks it was trained on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One forecaster's figures. `low`, `high`: 95 % interval of the accuracy; `settings`: what each fold chose."""

    name: str
    accuracy: float
    auc: float
    aupr: float
    fpr_at_95_tpr: float
    brier: float
    low: float
    high: float
    auc_low: float
    auc_high: float
    calibration_error: float
    accuracy_at_half: float
    reliability: tuple[Bin, ...]
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All forecasters at one look. `p_fail[name]`: the forecast of each group by a model that never saw its task.

    `tasks`: the task of each group; one that several set-ups tried stands there several times.
    """

    look: Look
    tasks: tuple[str, ...]
    failed: tuple[bool, ...]
    forecasters: tuple[Scored, ...]
    p_fail: dict[str, Floats] = field(repr=False)
    seconds: float
    looked_at_fold: tuple[int, ...]

    def named(self, name: str) -> Scored:
        """The figures of the forecaster called `name`."""
        return next(one for one in self.forecasters if one.name == name)


def evaluate(
    groups: Sequence[Group],
    look: Look,
    *,
    seed: int = 1,
    gcn: GcnSettings | None = PAPER,
    embedder: str = HASHED,
    heads: Sequence[str] = HEADS,
    test_folds: Sequence[int] = range(FOLDS),
    paper_compatible: bool = False,
    progress: Progress = unheard,
) -> Evaluation:
    """Compare all forecasters at `look`.

    Args:
        groups: labelled groups; those marked `extra` train and never test.
        look: the moment of the forecast.
        seed: what chance depends on.
        gcn: how to train the GCN (needs torch; most of the time goes there); None leaves it out.
        embedder: what its graphs know of texts: see `embedders.embedder_for`.
        heads: which kinds to fit on features; their blend needs all of them.
        test_folds: the folds to forecast; while developing leave some out.
        paper_compatible: also follow the authors' protocol, which leaks, in a row of its own that says so. Theirs are
            the best state across folds, copied shallowly, and the tenth of tasks that chooses it; the folds, the
            network's `gcn` settings and `embedder` (which reads all tasks) are ours.
        progress: told in a few words what is being done.

    Raises:
        CallerMistake: nothing is labelled, too few tasks, one class; scikit-learn or torch is missing.
    """
    require_sklearn()
    began = time.perf_counter()
    labelled = checked(groups)
    lesson = Lesson.of(labelled, [look])
    tested = [place for place in lesson.mains if lesson.rows.fold[place] in set(test_folds)]
    p_fail: dict[str, Floats] = {}
    settings: dict[str, list[str]] = {}
    for fold in (one for one in test_folds if lesson.inside(one)):
        progress(f"fold {fold + 1} of {FOLDS}: fitting")
        for name, (scores, setting) in _of_fold(lesson, fold, seed, heads, gcn, embedder, progress).items():
            p_fail.setdefault(name, np.full(len(lesson.examples), np.nan))[lesson.inside(fold)] = scores
            settings.setdefault(name, []).append(setting)
    if paper_compatible and gcn is not None:
        progress("the authors' protocol")
        p_fail[LEAKING] = _leaking(lesson, seed, gcn, embedder)
        settings[LEAKING] = [NO_FIGURE]
    tasks = tuple(lesson.examples[place].task_id for place in tested)
    failed = lesson.rows.failed[tested]
    return Evaluation(
        look=look,
        tasks=tasks,
        failed=tuple(bool(verdict) for verdict in failed),
        forecasters=tuple(
            scored(name, tasks, failed, p[tested], seed, tuple(settings[name])) for name, p in p_fail.items()
        ),
        p_fail={name: p[tested] for name, p in p_fail.items()},
        seconds=time.perf_counter() - began,
        looked_at_fold=tuple(test_folds),
    )


def _of_fold(
    lesson: Lesson,
    fold: int,
    seed: int,
    heads: Sequence[str],
    gcn: GcnSettings | None,
    embedder: str,
    progress: Progress,
) -> dict[str, tuple[Floats, str]]:
    """What each forecaster says of the examples inside `fold`, and its setting; fitted without the fold."""
    without = lesson.without(fold)
    forecasts = forecasts_of(without, fold, seed, heads)
    if gcn is not None:
        said = _gcn_fold(without, fold, seed, gcn, embedder, progress)
        forecasts[GCN] = said, f"{gcn.epochs} epochs at most, {embedder}"
    return forecasts


def scored(
    name: str, tasks: Sequence[str], failed: Bools, p_fail: Floats, seed: int, settings: tuple[str, ...] = ()
) -> Scored:
    """All figures of one forecaster; `tasks` (n,) says which rows belong together."""
    low, high = bootstrap(accuracy, failed, p_fail, seed=seed, tasks=tasks)
    auc_low, auc_high = bootstrap(auc, failed, p_fail, seed=seed, tasks=tasks)
    return Scored(
        name=name,
        **{metric: function(failed, p_fail) for metric, function in METRICS.items()},
        low=low,
        high=high,
        auc_low=auc_low,
        auc_high=auc_high,
        calibration_error=error_of_calibration(failed, p_fail),
        accuracy_at_half=accuracy_at_coverage(failed, p_fail, 0.5),
        reliability=tuple(reliability_of(failed, p_fail)),
        settings=settings,
    )


def _gcn_fold(lesson: Lesson, fold: int, seed: int, settings: GcnSettings, words: str, progress: Progress) -> Floats:
    """The graph network's forecasts of the fold; its words are those of the prefixes that train."""
    train = [place for place in lesson.mains if lesson.rows.fold[place] != fold]
    texts = arguments_of(turns for place in train for turns in lesson.examples[place].prefix.attempts)
    graphs = graphs_by_place(lesson, embedder_for(words, texts, seed=seed))
    told = epochs(progress, f"fold {fold + 1} of {FOLDS}: GCN")
    learned = learn_gcn(lesson, graphs, fold, seed=seed, settings=settings, progress=told)
    return gcn_forecasts(lesson, graphs, fold, learned)


def _leaking(lesson: Lesson, seed: int, settings: GcnSettings, words: str) -> Floats:
    """The authors' protocol, for comparison with their tables; its words are those of all prefixes."""
    from parcae.prediction.gcn_training import leaking_scores

    texts = arguments_of(turns for place in lesson.mains for turns in lesson.examples[place].prefix.attempts)
    graphs = list(graphs_by_place(lesson, embedder_for(words, texts, seed=seed)).values())
    failed = [bool(lesson.rows.failed[place]) for place in lesson.mains]
    folds = [int(lesson.rows.fold[place]) for place in lesson.mains]
    p_fail = np.full(len(lesson.examples), np.nan)
    p_fail[lesson.mains] = leaking_scores(graphs, failed, folds, seed=seed, settings=settings)
    return p_fail
