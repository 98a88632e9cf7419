"""How well forecasters do on tasks that they never saw: nested, split by task, beside baselines, with intervals.

For each fold: every kind chooses its setting and its calibration on inner folds of the other tasks, is fitted on
those tasks alone, and forecasts the fold. Figures are over all folds' forecasts; intervals from a bootstrap over tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from parcae.graphs.embed import HashedSubwords
from parcae.graphs.features import TASK_FEATURES, vote_confidence
from parcae.prediction.calibrate import Calibration, calibrate, no_calibration, platt
from parcae.prediction.commonness import beside
from parcae.prediction.embedders import HASHED, arguments_of, embedder_for
from parcae.prediction.fit import Chosen, Rows, blend, choose, kinds, require_sklearn
from parcae.prediction.gcn import GcnSettings
from parcae.prediction.metrics import METRICS, Bin, Bools, Floats, accuracy, accuracy_at_coverage, auc, bootstrap, brier
from parcae.prediction.metrics import calibration_error as error_of_calibration
from parcae.prediction.metrics import reliability as reliability_of
from parcae.prediction.prefixes import FOLDS, Example, Group, Look, examples_of, fold_of, refuse_shared_tasks
from parcae.prediction.rows import checked, feature_names, graphs_of, rows_of, vocabulary
from parcae.prediction.rule import rule_p_fail

BASELINES = ("majority", "prior", "confidence", "rule")
BLENDED = ("logistic", "boosting", "forest", "names")
BLEND = "blend"
LEARNED = (*BLENDED, BLEND)
KINDS = kinds([function.__name__ for function in TASK_FEATURES])
HEADS = tuple(KINDS)
GCN = "gcn"
LEAKING = "gcn, authors' protocol (leaks)"
NO_FIGURE = "not comparable: tested on tasks it was trained on"
PAPER = GcnSettings()
SELECTED = "selected"
EPOCHS_TOLD = 25
NO_FOLD = -1  # leaves no task out
Progress = Callable[[str], None]


def unheard(line: str) -> None:
    """Progress that nobody wants."""


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
    """All forecasters at one look. `p_fail[name]`: the forecast of each of `tasks` by a model that never saw it."""

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
        paper_compatible: also follow the authors' protocol, which leaks, in a row of its own that says so.
        progress: told in a few words what is being done.

    Raises:
        CallerMistake: nothing is labelled, too few tasks, one class; scikit-learn or torch is missing.
    """
    require_sklearn()
    began = time.perf_counter()
    labelled = checked(groups)
    data = _Data.of(labelled, look, NO_FOLD)
    tested = [place for place in data.mains if data.rows.fold[place] in set(test_folds)]
    p_fail: dict[str, Floats] = {}
    settings: dict[str, list[str]] = {}
    for fold in (one for one in test_folds if data.inside(one)):
        progress(f"fold {fold + 1} of {FOLDS}: fitting")
        data = _Data.of(labelled, look, fold)
        fitted = _one_fold(data, fold, seed, heads)
        if gcn is not None:
            told = epochs(progress, f"fold {fold + 1} of {FOLDS}: GCN")
            fitted[GCN] = _gcn_fold(data, fold, seed, gcn, embedder, told), f"{gcn.epochs} epochs at most, {embedder}"
        for name, (scores, setting) in fitted.items():
            inside = data.inside(fold)
            p_fail.setdefault(name, np.full(len(data.examples), np.nan))[inside] = scores
            settings.setdefault(name, []).append(setting)
    if paper_compatible and gcn is not None:
        progress("the authors' protocol")
        p_fail[LEAKING] = _leaking(data, seed, gcn)
        settings[LEAKING] = [NO_FIGURE]
    failed = data.rows.failed[tested]
    return Evaluation(
        look=look,
        tasks=tuple(data.examples[place].task_id for place in tested),
        failed=tuple(bool(verdict) for verdict in failed),
        forecasters=tuple(scored(name, failed, p[tested], seed, tuple(settings[name])) for name, p in p_fail.items()),
        p_fail={name: p[tested] for name, p in p_fail.items()},
        seconds=time.perf_counter() - began,
        looked_at_fold=tuple(test_folds),
    )


def scored(name: str, failed: Bools, p_fail: Floats, seed: int, settings: tuple[str, ...] = ()) -> Scored:
    """All figures of one forecaster."""
    low, high = bootstrap(accuracy, failed, p_fail, seed=seed)
    auc_low, auc_high = bootstrap(auc, failed, p_fail, seed=seed)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """Examples with their rows; `mains` are the places of those that may be tested."""

    examples: Sequence[Example]
    rows: Rows
    names: tuple[str, ...]
    tools: tuple[str, ...]
    untrained: dict[str, Floats]
    mains: list[int]

    @classmethod
    def of(cls, groups: Sequence[Group], look: Look, fold: int) -> _Data:
        """All groups at `look`, as whoever may not know of the tasks of `fold` sees them."""
        tools, known = vocabulary(groups), {group.task_id for group in groups if fold_of(group.task_id) != fold}
        examples = examples_of(beside(groups, known), [look])
        tallies = [example.prefix.tally() for example in examples]
        names = feature_names(tools)
        return cls(
            examples=examples,
            rows=rows_of(examples, names, tallies),
            names=names,
            tools=tools,
            untrained={
                "confidence": np.array([1 - vote_confidence(tally) for tally in tallies]),
                "rule": np.array([rule_p_fail(tally) for tally in tallies]),
            },
            mains=[place for place, example in enumerate(examples) if not example.extra],
        )

    def inside(self, fold: int) -> list[int]:
        """The places that `fold` tests."""
        return [place for place in self.mains if self.rows.fold[place] == fold]


def _one_fold(data: _Data, fold: int, seed: int, heads: Sequence[str]) -> dict[str, tuple[Floats, str]]:
    """For each forecaster: its forecasts of the fold's tasks, and its setting."""
    inside, outside = data.inside(fold), data.rows.fold != fold
    refuse_shared_tasks(
        [one for one, out in zip(data.examples, outside, strict=True) if out],
        [data.examples[place] for place in inside],
    )
    train = data.rows.where(outside)
    tested = data.rows.where(np.isin(np.arange(len(data.examples)), inside))
    found: dict[str, tuple[Floats, str]] = {
        name: (scores[inside], "untrained") for name, scores in data.untrained.items()
    }
    errors: dict[str, float] = {}
    for name, chosen in fit_all(train, data.names, seed, heads).items():
        curve = no_calibration() if name == "majority" else calibrate(train.failed, chosen.unseen, train.fold)
        scores = narrowed(tested, columns_of(name, data.names)).scored(chosen.head)
        found[name] = (curve.each(scores), f"{chosen.setting}, {curve.method}")
        if name in LEARNED:
            errors[name] = brier(train.failed, curve.each(chosen.unseen))
    if errors:
        best = min(errors, key=errors.__getitem__)
        found[SELECTED] = (found[best][0], best)
    return {name: found[name] for name in (*BASELINES, *LEARNED, SELECTED) if name in found}


def fit_all(train: Rows, names: tuple[str, ...], seed: int, heads: Sequence[str] = HEADS) -> dict[str, Chosen]:
    """Each of `heads`, fitted on `train` with its setting chosen on inner folds; then their blend, if all are there."""
    fitted = {}
    for name in heads:
        fitted[name] = choose(KINDS[name], narrowed(train, columns_of(name, names)), seed)
    if not set(BLENDED) <= set(fitted):
        return fitted
    return fitted | {BLEND: blend([fitted[name] for name in BLENDED])}


def narrowed(rows: Rows, columns: Sequence[int]) -> Rows:
    """The same rows with some of their features."""
    return replace(rows, features=rows.features[:, list(columns)])


def columns_of(kind: str, names: tuple[str, ...]) -> list[int]:
    """The places of the features that a kind reads."""
    wanted = KINDS[kind].columns if kind in KINDS else None
    return [place for place, name in enumerate(names) if wanted is None or name in wanted]


def watched_of(folds: NDArray[np.intp], fold: int) -> list[int]:
    """Which rows choose the epoch where `fold` is held out: the next fold that has any. `folds` (n,): each row's."""
    following = [(fold + step) % FOLDS for step in range(1, FOLDS)]
    chosen = next((one for one in following if (folds == one).any()), fold)
    return [int(at) for at in np.flatnonzero(folds == chosen)]


def epochs(progress: Progress, what: str) -> Callable[[int, int], None]:
    """Progress of a training by epochs, told every EPOCHS_TOLD of them."""
    return lambda done, all_: None if done % EPOCHS_TOLD else progress(f"{what}, epoch {done} of {all_}")


def _gcn_fold(
    data: _Data, fold: int, seed: int, settings: GcnSettings, words: str, told: Callable[[int, int], None]
) -> Floats:
    """As the paper trains it: one graph a task. The next fold's tasks choose the epoch and the calibration."""
    from parcae.prediction.gcn_training import train_gcn

    train = [place for place in data.mains if data.rows.fold[place] != fold]
    inside = data.inside(fold)
    texts = arguments_of(turns for place in train for turns in data.examples[place].prefix.attempts)
    embedder = embedder_for(words, texts, seed=seed)
    graphs = graphs_of([data.examples[place] for place in train], embedder, data.tools)
    watched = watched_of(data.rows.fold[train], fold)
    failed = [bool(data.rows.failed[place]) for place in train]
    network = train_gcn(graphs, failed, watched, seed=seed, settings=settings, progress=told)
    curve: Calibration = platt(
        data.rows.failed[[train[number] for number in watched]],
        np.array([network.score(graphs[number]) for number in watched]),
    )
    tested = graphs_of([data.examples[place] for place in inside], embedder, data.tools)
    return curve.each(np.array([network.score(graph) for graph in tested]))


def _leaking(data: _Data, seed: int, settings: GcnSettings) -> Floats:
    """The authors' protocol, for comparison with their tables."""
    from parcae.prediction.gcn_training import leaking_scores

    graphs = graphs_of([data.examples[place] for place in data.mains], HashedSubwords(), data.tools)
    failed = [bool(data.rows.failed[place]) for place in data.mains]
    folds = [int(data.rows.fold[place]) for place in data.mains]
    p_fail = np.full(len(data.examples), np.nan)
    p_fail[data.mains] = leaking_scores(graphs, failed, folds, seed=seed, settings=settings)
    return p_fail
