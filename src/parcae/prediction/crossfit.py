"""What forecasters say of tasks that they never saw: nested cross-fitting, for who compares and for who trains.

For each fold of tasks: every kind chooses its setting, its calibration, and whether it is the one to take on inner
folds of the other tasks, is fitted on those tasks alone, and forecasts the fold. How common candidates are is counted
without the fold as well. Nothing here looks at what a forecast of a fold was worth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from parcae.core.protocols import Embedder
from parcae.graphs.features import TASK_FEATURES, vote_confidence
from parcae.graphs.semantic import FlowMatrix
from parcae.graphs.tally import Tally
from parcae.prediction.blend import AnyHead
from parcae.prediction.calibrate import Calibration, calibrate, no_calibration, platt
from parcae.prediction.commonness import beside
from parcae.prediction.fit import Chosen, Rows, blend, choose, kinds
from parcae.prediction.gcn import Gcn, GcnSettings
from parcae.prediction.metrics import Floats, brier
from parcae.prediction.prefixes import FOLDS, Example, Group, Look, examples_of, fold_of
from parcae.prediction.rows import feature_names, graphs_of, rows_of, vocabulary
from parcae.prediction.rule import rule_p_fail

BASELINES = ("majority", "prior", "confidence", "rule")
BLENDED = ("logistic", "boosting", "forest", "names")
BLEND = "blend"
LEARNED = (*BLENDED, BLEND)
KINDS = kinds([function.__name__ for function in TASK_FEATURES])
HEADS = tuple(KINDS)
GCN = "gcn"
SELECTED = "selected"
PAPER = GcnSettings()
EPOCHS_TOLD = 25
NO_FOLD = -1  # leaves no task out
Progress = Callable[[str], None]


def unheard(line: str) -> None:
    """Progress that nobody wants."""


def epochs(progress: Progress, what: str) -> Callable[[int, int], None]:
    """Progress of a training by epochs, told every EPOCHS_TOLD of them."""
    return lambda done, all_: None if done % EPOCHS_TOLD else progress(f"{what}, epoch {done} of {all_}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is learned from: examples with their rows, n of each, and what forecasters say that need no training (n,).

    `tallies`: what was counted of each. `names`: of the features. `mains`: the places of the examples that may be
    tested; extra groups of a task only teach.
    """

    groups: Sequence[Group]
    looks: tuple[Look, ...]
    examples: Sequence[Example]
    tallies: Sequence[Tally]
    rows: Rows
    names: tuple[str, ...]
    tools: tuple[str, ...]
    untrained: dict[str, Floats]
    mains: list[int]

    @classmethod
    def of(cls, groups: Sequence[Group], looks: Sequence[Look]) -> Lesson:
        """All groups at `looks`, as whoever knows of all their tasks sees them."""
        examples = examples_of(beside(groups, {group.task_id for group in groups}), looks)
        return _lesson(groups, looks, examples, [example.prefix.tally() for example in examples])

    def without(self, fold: int) -> Lesson:
        """The same, as whoever may not know of the tasks of `fold` sees them: attempts are counted as they were."""
        known = {group.task_id for group in self.groups if fold_of(group.task_id) != fold}
        examples = examples_of(beside(self.groups, known), self.looks)
        counted = zip(self.tallies, examples, strict=True)
        return _lesson(
            self.groups, self.looks, examples, [replace(tally, facts=one.prefix.facts) for tally, one in counted]
        )

    def inside(self, fold: int) -> list[int]:
        """The places that `fold` tests."""
        return [place for place in self.mains if self.rows.fold[place] == fold]


def _lesson(
    groups: Sequence[Group], looks: Sequence[Look], examples: Sequence[Example], tallies: Sequence[Tally]
) -> Lesson:
    tools = vocabulary(groups)
    names = feature_names(tools)
    return Lesson(
        groups=groups,
        looks=tuple(looks),
        examples=examples,
        tallies=tallies,
        rows=rows_of(examples, names, tallies),
        names=names,
        tools=tools,
        untrained={
            "confidence": np.array([1 - vote_confidence(tally) for tally in tallies]),
            "rule": np.array([rule_p_fail(tally) for tally in tallies]),
        },
        mains=[place for place, example in enumerate(examples) if not example.extra],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A fitted forecaster of some kind: its head, the columns (d,) that it reads, how its scores become probabilities.

    `error`: the Brier score, on inner folds, of what it says once it is calibrated. Both are about judged rows alone.
    """

    kind: str
    setting: str
    head: AnyHead | Gcn
    columns: tuple[int, ...]
    curve: Calibration
    error: float


# ---- heads on features --------------------------------------------------------------------------------------------


def learn(train: Rows, names: tuple[str, ...], seed: int, heads: Sequence[str] = HEADS) -> dict[str, Learned]:
    """Each of `heads` and their blend, by name; SELECTED is the one of LEARNED that did best on inner folds."""
    found, own = {}, train.judged
    failed, folds = train.failed[own], train.fold[own]
    for name, chosen in fit_all(train, names, seed, heads).items():
        scores = chosen.unseen[own]
        curve = no_calibration() if name == "majority" else calibrate(failed, scores, folds)
        found[name] = Learned(
            kind=name,
            setting=chosen.setting,
            head=chosen.head,
            columns=tuple(columns_of(name, names)),
            curve=curve,
            error=brier(failed, curve.each(scores)),
        )
    able = [one for name, one in found.items() if name in LEARNED]
    return found | {SELECTED: min(able, key=lambda one: one.error)} if able else found


def forecasts_of(lesson: Lesson, fold: int, seed: int, heads: Sequence[str]) -> dict[str, tuple[Floats, str]]:
    """For each forecaster: what it says of the examples `inside` the fold, in order, and its setting."""
    inside, train = lesson.inside(fold), lesson.rows.where(lesson.rows.fold != fold)
    tested = lesson.rows.where(np.isin(np.arange(len(lesson.examples)), inside))
    found = {name: (scores[inside], "untrained") for name, scores in lesson.untrained.items()}
    for name, one in learn(train, lesson.names, seed, heads).items():
        if name == SELECTED:
            found[name] = found[one.kind][0], one.kind
            continue
        assert not isinstance(one.head, Gcn)
        scores = narrowed(tested, one.columns).scored(one.head)
        found[name] = one.curve.each(scores), f"{one.setting}, {one.curve.method}"
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


# ---- the graph network --------------------------------------------------------------------------------------------


def graphs_by_place(lesson: Lesson, embedder: Embedder) -> dict[int, FlowMatrix]:
    """The graph of each example that may be tested, by its place."""
    graphs = graphs_of([lesson.examples[place] for place in lesson.mains], embedder, lesson.tools)
    return dict(zip(lesson.mains, graphs, strict=True))


def learn_gcn(
    lesson: Lesson,
    graphs: Mapping[int, FlowMatrix],
    fold: int,
    *,
    seed: int,
    settings: GcnSettings,
    progress: Callable[[int, int], None] | None = None,
) -> Learned:
    """The GCN on the `graphs` (by place) outside `fold`, as the paper trains it: one a task and look, no extra groups.

    The tasks of the next fold that has any choose the epoch and the calibration.

    Raises:
        CallerMistake: torch is missing.
    """
    from parcae.prediction.gcn_training import train_gcn

    train = [place for place in lesson.mains if lesson.rows.fold[place] != fold]
    failed, watched = lesson.rows.failed[train], watched_of(lesson.rows.fold[train], fold)
    own = [graphs[place] for place in train]
    network = train_gcn(own, list(failed), watched, seed=seed, settings=settings, progress=progress)
    scores = np.array([network.score(own[number]) for number in watched])
    curve = platt(failed[watched], scores)
    return Learned(
        kind=GCN,
        setting=f"{settings.epochs} epochs at most",
        head=network,
        columns=tuple(range(len(lesson.names))),
        curve=curve,
        error=brier(failed[watched], curve.each(scores)),
    )


def gcn_forecasts(lesson: Lesson, graphs: Mapping[int, FlowMatrix], fold: int, learned: Learned) -> Floats:
    """What a network that was `learned` without `fold` says of the examples `inside` it, in order."""
    assert isinstance(learned.head, Gcn)
    return learned.curve.each(np.array([learned.head.score(graphs[place]) for place in lesson.inside(fold)]))


def watched_of(folds: NDArray[np.intp], fold: int) -> list[int]:
    """Which rows choose the epoch where `fold` is held out: the next fold that has any. `folds` (n,): each row's."""
    following = [(fold + step) % FOLDS for step in range(1, FOLDS + 1)]
    chosen = next(one for one in following if (folds == one).any())
    return [int(at) for at in np.flatnonzero(folds == chosen)]
