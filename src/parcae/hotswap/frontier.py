"""The cost/quality frontier of recorded attempts: what each policy keeps of the target's performance, at which cost.

Everything is relative to all recorded attempts of the target under a plain vote. Ours is chosen on training folds and
shown on the others; all other curves are shown as they are, so where a curve's best points are picked by eye they
flatter the rivals, not us. Knows nothing of terminals or pages.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from parcae.core.errors import CallerMistake
from parcae.core.plan import Plan
from parcae.core.task import Task
from parcae.hotswap.bootstrap import Reference, along, interval, reference, undominated
from parcae.hotswap.curves import WatchOf, contenders, parallel_refusal, played
from parcae.hotswap.ladders import Opening, States, facts_of, patiences, states_of
from parcae.hotswap.recorded import Deck, Prices, decks_of
from parcae.hotswap.replay import StepWatch
from parcae.hotswap.selection import Fitted, Table, belief_of, fit, nested
from parcae.prediction.belief import BeliefForecaster, Floats
from parcae.prediction.recordings import Recordings, gold_share


def fold_of(task_id: str, folds: int) -> int:
    """The fold of a task: crc32 of its id in UTF-8, modulo `folds`. All its attempts share it."""
    return zlib.crc32(task_id.encode()) % folds


BUDGETS = (0.10, 0.105, 0.11, 0.12, 0.13, 0.14, 0.16, 0.18, 0.20, 0.22, 0.24, 0.26, 0.28, 0.32)
MARKS = (0.12, 0.16, 0.20, 0.24)
LEAST_TASKS = 30
PRICES_OF_A_SOLVED_TASK = tuple(float(x) for x in np.geomspace(0.02, 50, 24))  # for the oracle, in target attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a frontier is asked for. `draws`: orders of drawing a task; `most`: attempts of the target; `folds` >= 3."""

    target: str
    sources: tuple[str, ...]
    prices: Prices
    draws: int = 20
    most: int = 10
    folds: int = 5
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One policy: what it keeps (with its 95 % interval) and costs, both relative to all attempts of the target.

    `plan`: what does the same live; None where that needs a forecaster beside it, or hindsight.
    """

    relative_cost: float
    relative_performance: float
    low: float
    high: float
    policy: str
    by_fold: Mapping[int, str] = field(default_factory=dict)
    plan: Plan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Ours beside a rival at one relative cost: the difference over the same resamples, with its 95 % interval."""

    relative_cost: float
    rival: str
    ours: float
    theirs: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """All curves; `refused` says why a curve is missing; `gap_closed`: our share of the way from adaptive to oracle.

    `final` is what all tasks together would choose, one policy for each of BUDGETS: the one to use, never the one to
    report. `solved_usd`: what the target pays for a solved task when it makes all attempts.
    """

    asked: Asked
    tasks: int
    target_success: float
    target_usd: float
    curves: Mapping[str, tuple[Point, ...]]
    refused: Mapping[str, str]
    paired: tuple[Paired, ...]
    gap_closed: Mapping[float, float]
    final: Fitted
    solved_usd: float


@dataclass(slots=True)
class _Curve:
    """(success, US dollars) of each task for every point of a curve."""

    names: list[str] = field(default_factory=list)
    success: list[Floats] = field(default_factory=list)
    cost: list[Floats] = field(default_factory=list)
    by_fold: list[Mapping[int, str]] = field(default_factory=list)
    plans: list[Plan | None] = field(default_factory=list)

    def add(
        self,
        name: str,
        success: Floats,
        cost: Floats,
        by_fold: Mapping[int, str] | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.names.append(name)
        self.success.append(success)
        self.cost.append(cost)
        self.by_fold.append(by_fold or {})
        self.plans.append(plan)

    def holds(self, success: Floats, cost: Floats) -> bool:
        """Whether a point has the same outcome and cost for every task: two on one spot say no more than one."""
        known = zip(self.success, self.cost, strict=True)
        return any(np.array_equal(success, one) and np.array_equal(cost, other) for one, other in known)


def frontier(
    recordings: Recordings,
    asked: Asked,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> Frontier:
    """Walk every rival, choose ours on training folds, and bootstrap over tasks.

    Raises:
        CallerMistake: a model was not recorded or has no price, too few tasks have all models, or nothing differs.
    """
    decks = _decks(recordings, asked)
    ref = _reference(decks, asked)
    folds = np.array([fold_of(deck.task.id, asked.folds) for deck in decks], dtype=np.int64)
    shuffled = [[deck.shuffled(asked.seed + d) for d in range(asked.draws)] for deck in decks]
    say(f"{len(decks)} tasks, {asked.draws} orders each")
    curves: dict[str, _Curve] = {}
    learned = {source: _learned(decks, source, folds, asked) for source in asked.sources}
    everyone = list(contenders(asked.target, asked.sources, asked.most, learned))
    for number, contender in enumerate(everyone, start=1):
        curves.setdefault(contender.curve, _Curve()).add(
            contender.name, *played(contender, shuffled), plan=contender.plan
        )
        if number % 20 == 0 or number == len(everyone):
            say(f"{number} of {len(everyone)} rival policies walked")
    curves["oracle"] = _oracle(decks, ref, asked)
    curves["ours"], final = _ours(decks, ref, folds, asked, say)
    refused = {"paper_parallel": parallel_refusal(asked.sources[0], asked.target, decks[0])} if asked.sources else {}
    return Frontier(
        asked=asked,
        tasks=len(decks),
        target_success=float(ref.success.sum()),
        target_usd=float(ref.cost_usd.sum()),
        curves={name: _points(curve, ref) for name, curve in curves.items()},
        refused=refused,
        paired=tuple(_paired(curves, ref, rival, at) for rival in ("adaptive", "fixed") for at in MARKS),
        gap_closed={at: _gap_closed(curves, ref, at) for at in MARKS},
        final=final,
        solved_usd=float(ref.cost_usd.sum() / ref.success.sum()),
    )


def _decks(recordings: Recordings, asked: Asked) -> list[Deck]:
    if asked.target in asked.sources:
        raise CallerMistake(f"{asked.target} is target and source", "name other models in --sources")
    runs = [recordings.of(model, least=asked.most) for model in (asked.target, *asked.sources)]
    decks = decks_of(recordings.tasks, runs, asked.prices)
    if len(decks) < LEAST_TASKS:
        raise CallerMistake(
            f"only {len(decks)} tasks have a known answer and {asked.most} attempts of every model",
            f"a frontier needs {LEAST_TASKS} tasks or more: record more, or lower --most",
        )
    return [_first(deck, asked) for deck in decks]


def _first(deck: Deck, asked: Asked) -> Deck:
    """The deck with the first `most` attempts of the target, and all of the sources."""
    some = {**deck.attempts, asked.target: deck.attempts[asked.target][: asked.most]}
    return Deck(task=deck.task, attempts=some)


def _reference(decks: Sequence[Deck], asked: Asked) -> Reference:
    whole = [deck.attempts[asked.target] for deck in decks]
    success = np.array(
        [gold_share(deck.task, [one.answer for one in some]) for deck, some in zip(decks, whole, strict=True)]
    )
    cost = np.array([sum(one.cost_usd for one in some) for some in whole])
    if not success.sum() or not cost.sum():
        what = "solved no task" if not success.sum() else "cost nothing"
        raise CallerMistake(f"all attempts of {asked.target} {what}, so nothing is relative to them", "check the file")
    return reference(success, cost, resamples=asked.resamples, seed=asked.seed)


def _learned(decks: Sequence[Deck], source: str, folds: np.ndarray, asked: Asked) -> WatchOf:
    """A forecaster for the source's votes, fitted for each task on the other folds."""
    states = [states_of(deck, Opening(), source, 2, seed=asked.seed) for deck in decks]
    beliefs = {
        fold: belief_of((source,), [one for one, at in zip(states, folds, strict=True) if at != fold])
        for fold in sorted(set(folds.tolist()))
    }
    fold_of_task = {deck.task.id: int(fold) for deck, fold in zip(decks, folds, strict=True)}

    def watch(deck: Deck) -> StepWatch:
        forecaster = BeliefForecaster(belief=beliefs[fold_of_task[deck.task.id]], facts=lambda task: facts_of(deck))
        return StepWatch(forecaster.watch(Task(id=deck.task.id, kind="recorded", question=""), asked.most))

    return watch


# ---- ours and the oracle ------------------------------------------------------------------------------------------


def openings_of(decks: Sequence[Deck], target: str, sources: Sequence[str]) -> list[Opening]:
    """How tasks may be drawn: the target alone, with or without patience, or after two attempts of one source."""
    patient = [Opening(patience=steps) for steps in patiences(decks, target)]
    return [Opening(), *patient, *(Opening(first=((source, 2),)) for source in sources)]


def _ours(
    decks: Sequence[Deck],
    ref: Reference,
    folds: np.ndarray,
    asked: Asked,
    say: Callable[[str], None],
) -> tuple[_Curve, Fitted]:
    openings = openings_of(decks, asked.target, asked.sources)
    states = {
        opening: [states_of(deck, opening, asked.target, asked.draws, seed=asked.seed) for deck in decks]
        for opening in openings
    }
    table = Table(target=asked.target, states=states, folds=folds)
    typical = float(ref.cost_usd.mean())
    budgets_usd = [budget * typical for budget in BUDGETS]
    results = nested(table, budgets_usd, say=say)
    curve = _Curve()
    for budget, result in zip(BUDGETS, results, strict=True):
        if curve.holds(result.success, result.cost_usd):
            continue  # more money changed nothing
        curve.add(
            f"price-aware, chosen on other folds for a budget of {budget:g}",
            result.success,
            result.cost_usd,
            {fold: str(chosen.ladder) for fold, chosen in result.by_fold.items()},
        )
    return curve, fit(table, np.arange(len(decks)), budgets_usd)


def _oracle(decks: Sequence[Deck], ref: Reference, asked: Asked) -> _Curve:
    """For each task and draw the best, in hindsight, of 1 or 5 attempts of a source and 1, 2, ... of the target."""
    success, cost = [], []
    for deck in decks:
        own = states_of(deck, Opening(), asked.target, asked.draws, seed=asked.seed)
        options = [(own, tuple(range(1, own.cost_usd.shape[1])))]
        for source in asked.sources:
            theirs = states_of(deck, Opening(), source, asked.draws, seed=asked.seed)
            options.append((theirs, tuple(n for n in (1, 5) if n < theirs.cost_usd.shape[1])))
        success.append(np.concatenate([_votes_right(one)[:, counts] for one, counts in options], axis=1))
        cost.append(np.concatenate([one.cost_usd[:, counts] for one, counts in options], axis=1))
    right, spent = np.stack(success), np.stack(cost)
    typical, curve = float(ref.cost_usd.mean()), _Curve()
    for price in PRICES_OF_A_SOLVED_TASK:
        best = (right - price * spent / typical).argmax(axis=-1)[..., None]
        chosen = [np.take_along_axis(array, best, axis=-1)[..., 0].mean(axis=1) for array in (right, spent)]
        curve.add(f"best in hindsight when all target attempts cost {price:.3g} solved tasks", *chosen)
    return curve


def _votes_right(states: States) -> Floats:
    """Success by the vote in every state: the share of the top-voted names that is a culprit."""
    top = states.votes.max(axis=-1, keepdims=True)
    first = (states.votes > top - 1e-9) & (top > 0)
    return np.asarray((first * states.right).sum(axis=-1) / np.maximum(first.sum(axis=-1), 1))


# ---- numbers ------------------------------------------------------------------------------------------------------


def _points(curve: _Curve, ref: Reference) -> tuple[Point, ...]:
    points = []
    columns = (curve.names, curve.success, curve.cost, curve.by_fold, curve.plans)
    for name, success, cost, by_fold, plan in zip(*columns, strict=True):
        relative_cost, performance = ref.relative(success, cost)
        low, high = interval(ref.performances(success))
        points.append(
            Point(
                relative_cost=relative_cost,
                relative_performance=performance,
                low=low,
                high=high,
                policy=name,
                by_fold=by_fold,
                plan=plan,
            )
        )
    return tuple(sorted(points, key=lambda point: point.relative_cost))


def _resampled(curve: _Curve, ref: Reference, at: float, *, best: bool) -> tuple[float, Floats]:
    """Performance at relative cost `at` along a curve: over all tasks, and in each resample.

    `best`: along its undominated points only, which these same tasks picked: right for rivals, never for ours.
    """
    points = [ref.relative(success, cost) for success, cost in zip(curve.success, curve.cost, strict=True)]
    kept = undominated(points) if best else sorted(range(len(points)), key=lambda i: points[i][0])
    costs = np.stack([ref.costs(curve.cost[i]) for i in kept])
    performances = np.stack([ref.performances(curve.success[i]) for i in kept])
    here = float(np.interp(at, [points[i][0] for i in kept], [points[i][1] for i in kept]))
    return here, along(costs, performances, at, best=best)


def _paired(curves: Mapping[str, _Curve], ref: Reference, rival: str, at: float) -> Paired:
    ours, our_resamples = _resampled(curves["ours"], ref, at, best=False)
    theirs, their_resamples = _resampled(curves[rival], ref, at, best=True)
    low, high = interval(our_resamples - their_resamples)
    return Paired(relative_cost=at, rival=rival, ours=ours, theirs=theirs, difference=ours - theirs, low=low, high=high)


def _gap_closed(curves: Mapping[str, _Curve], ref: Reference, at: float) -> float:
    ours = _resampled(curves["ours"], ref, at, best=False)[0]
    adaptive, oracle = (_resampled(curves[name], ref, at, best=True)[0] for name in ("adaptive", "oracle"))
    return (ours - adaptive) / max(1e-9, oracle - adaptive)
