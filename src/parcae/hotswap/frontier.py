"""The cost/quality frontier of recorded attempts: what each policy keeps of the target's performance, at which cost.

Everything is relative to all recorded attempts of the target under a plain vote. Ours is chosen on training folds and
shown on the others; all other curves are shown as they are, so where a curve's best points are picked by eye they
flatter the rivals, not us. Knows nothing of terminals or pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from parcae.core.errors import CallerMistake
from parcae.core.plan import StagePlan
from parcae.hotswap.bootstrap import Reference, reference
from parcae.hotswap.curves import parallel_refusal, played
from parcae.hotswap.hindsight import hindsight
from parcae.hotswap.ladders import Opening, patiences, states_of
from parcae.hotswap.planned import planned
from parcae.hotswap.readings import RIVALS, Curve, Paired, Point, gap_closed, paired, points_of
from parcae.hotswap.recorded import Deck, Prices, decks_of
from parcae.hotswap.replay import NotRecorded
from parcae.hotswap.rivals import Part, beliefs_of, walked
from parcae.hotswap.selection import Fitted, Table, fit, fit_folds, held_out
from parcae.prediction.prefixes import fold_of
from parcae.prediction.recordings import Recordings, gold_share

Say = Callable[[str], None]


# both in attempts of the target: what policies of ours are chosen for, and where curves are compared
BUDGETS = (1.0, 1.05, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 2.8, 3.2)
MARKS = (1.2, 1.6, 2.0, 2.4, 4.0, 6.0)
EXPORTED = 2.0  # what a policy is exported for unless another cost is asked for
LEAST_TASKS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a frontier is asked for. `draws`: orders of drawing a task; `most`: attempts of the target; `folds` >= 3.

    `at`: a relative cost at which curves are compared too. `plans`: the user's own, by name, each walked as a curve.
    `processes`: the most that walk rivals at once; see `rivals.walked`.
    """

    target: str
    sources: tuple[str, ...]
    prices: Prices
    draws: int = 40  # with 20, curves of 174 tasks moved by .003 from seed to seed
    most: int = 10
    folds: int = 5
    resamples: int = 1000
    seed: int = 0
    at: float | None = None
    plans: tuple[tuple[str, StagePlan], ...] = ()
    processes: int = 1

    @property
    def models(self) -> tuple[str, ...]:
        """The target, then the sources."""
        return (self.target, *self.sources)

    @property
    def budgets(self) -> tuple[float, ...]:
        """BUDGETS as relative costs."""
        return tuple(round(attempts / self.most, 9) for attempts in BUDGETS)

    @property
    def marks(self) -> tuple[float, ...]:
        """MARKS as relative costs, up to that of all attempts, and `at`."""
        marks = {round(attempts / self.most, 9) for attempts in MARKS if attempts <= self.most}
        return tuple(sorted(marks if self.at is None else marks | {self.at}))

    @property
    def exported(self) -> float:
        """The relative cost that a policy is exported for."""
        return EXPORTED / self.most if self.at is None else self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """All curves; `refused` says why a curve is missing; `useless`, why a source brings nothing.

    `gap_closed`: our share of the way from adaptive to oracle, at the costs that all three reach.
    `final` is what all tasks together would choose, one policy for each budget: the one to use, never the one to
    report. `solved_usd`: what the target pays for a solved task when it makes all attempts.
    """

    asked: Asked
    tasks: int
    target_success: float
    target_usd: float
    curves: Mapping[str, tuple[Point, ...]]
    refused: Mapping[str, str]
    useless: Mapping[str, str]
    paired: tuple[Paired, ...]
    gap_closed: Mapping[float, float]
    final: Fitted
    solved_usd: float


def frontier(
    recordings: Recordings,
    asked: Asked,
    *,
    say: Say = lambda line: None,
) -> Frontier:
    """Walk every rival, choose ours on training folds, and bootstrap over tasks.

    Raises:
        CallerMistake: a model was not recorded or has no price, too few tasks have all models, or nothing differs.
    """
    decks = _decks(recordings, asked)
    ref = _reference(decks, asked)
    folds = np.array([fold_of(deck.task.id, asked.folds) for deck in decks], dtype=np.int64)
    say(f"{len(decks)} tasks, {asked.draws} orders each")
    curves, refused = _walked(decks, folds, asked, say)
    curves["ours"], curves["oracle"], final = _ours(decks, ref, folds, asked, say)
    return Frontier(
        asked=asked,
        tasks=len(decks),
        target_success=float(ref.success.sum()),
        target_usd=float(ref.cost_usd.sum()),
        curves={name: points_of(curve, ref) for name, curve in curves.items()},
        refused=refused,
        useless=_useless(decks, asked.sources),
        paired=tuple(paired(curves, ref, rival, at) for rival in RIVALS for at in asked.marks),
        gap_closed={at: share for at in asked.marks if (share := gap_closed(curves, ref, at)) is not None},
        final=final,
        solved_usd=float(ref.cost_usd.sum() / ref.success.sum()),
    )


def _walked(
    decks: Sequence[Deck], folds: np.ndarray, asked: Asked, say: Say
) -> tuple[dict[str, Curve], dict[str, str]]:
    """The curves that need no choosing, the user's plans among them; and why others are missing."""
    own = tuple(int(fold) for fold in folds)
    whole = Part(
        target=asked.target,
        most=asked.most,
        draws=asked.draws,
        seed=asked.seed,
        decks=tuple(decks),
        folds=own,
        beliefs=beliefs_of(decks, asked.sources, own, seed=asked.seed),
    )
    mine, refused = dict[str, Curve](), dict[str, str]()
    if asked.sources:
        refused["paper_parallel"] = parallel_refusal(asked.sources[0], asked.target, decks[0])
    for name, stage in asked.plans:
        try:
            contender = planned(name, stage, decks, asked.models)
            success, cost = played(
                contender, [[deck.shuffled(asked.seed + d) for d in range(asked.draws)] for deck in decks]
            )
        except NotRecorded as unknown:
            refused[f"plan {name}"] = f"{unknown.what}; {unknown.cure}"
        else:
            mine[contender.curve] = Curve()
            mine[contender.curve].add(contender.name, success, cost, plan=contender.plan)
    return {**walked(whole, processes=asked.processes, say=say), **mine}, refused


def _useless(decks: Sequence[Deck], sources: Sequence[str]) -> dict[str, str]:
    """The sources of which no attempt named a culprit."""
    said = {}
    for source in sources:
        attempts = [(deck, one) for deck in decks for one in deck.attempts[source]]
        if not any(deck.task.gold & set(one.answer) for deck, one in attempts):
            what = "names a culprit" if any(one.answer for _, one in attempts) else "answers"
            said[source] = f"none of its {len(attempts)} attempts {what}: it brings nothing"
    return said


def _decks(recordings: Recordings, asked: Asked) -> list[Deck]:
    if asked.target in asked.sources:
        raise CallerMistake(f"{asked.target} is target and source", "name other models in --sources")
    runs = [recordings.of(model, least=asked.most) for model in asked.models]
    decks = decks_of(recordings.tasks, runs, asked.prices)
    if len(decks) < LEAST_TASKS:
        raise _too_few(recordings, asked, len(decks))
    return [_first(deck, asked) for deck in decks]


def _too_few(recordings: Recordings, asked: Asked, found: int) -> CallerMistake:
    """What is missing: known answers, attempts of one model, or tasks that all models share."""
    known = sum(bool(task.gold) for task in recordings.tasks.values())
    if known < LEAST_TASKS:
        return CallerMistake(
            f"of {len(recordings.tasks)} tasks {known} have a known answer, and a frontier needs {LEAST_TASKS}",
            "give `gold`, the names that are right, in the file of tasks",
        )
    for model in asked.models:
        most = max((len(runs) for runs in recordings.of(model).values()), default=0)
        enough = len(recordings.of(model, least=asked.most))
        if enough < LEAST_TASKS:
            return CallerMistake(
                f"only {enough} tasks with a known answer have {asked.most} attempts of {model} (the most is {most}), "
                f"and a frontier needs {LEAST_TASKS}",
                f"record more attempts of {model}, or lower --most",
            )
    return CallerMistake(
        f"only {found} tasks with a known answer have {asked.most} attempts of every model, and a frontier needs "
        f"{LEAST_TASKS}",
        "record all models on the same tasks, or name fewer --sources",
    )


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
    if not success.sum() or not 0 < cost.sum() < np.inf:
        what = f"cost ${cost.sum():g}" if success.sum() else "solved no task"
        raise CallerMistake(
            f"all attempts of {asked.target} {what}, so nothing is relative to them", "check --price and the file"
        )
    return reference(success, cost, resamples=asked.resamples, seed=asked.seed)


# ---- ours, and the best in hindsight ------------------------------------------------------------------------------


def openings_of(decks: Sequence[Deck], target: str, sources: Sequence[str]) -> list[Opening]:
    """How tasks may be drawn: the target alone, with or without patience, or after two attempts of one source."""
    patient = [Opening(patience=steps) for steps in patiences(decks, target)]
    return [Opening(), *patient, *(Opening(first=((source, 2),)) for source in sources)]


def _ours(
    decks: Sequence[Deck],
    ref: Reference,
    folds: np.ndarray,
    asked: Asked,
    say: Say,
) -> tuple[Curve, Curve, Fitted]:
    """Ours, the best in hindsight over the same draws, and what all tasks together would choose."""
    openings = openings_of(decks, asked.target, asked.sources)
    states = {
        opening: [states_of(deck, opening, asked.target, asked.draws, seed=asked.seed) for deck in decks]
        for opening in openings
    }
    table = Table(target=asked.target, states=states, folds=folds)
    typical = float(ref.cost_usd.mean())
    budgets_usd = [budget * typical for budget in asked.budgets]
    fitted = fit_folds(table, budgets_usd, say=say)
    curve = Curve()
    for budget, result in zip(asked.budgets, held_out(table, fitted), strict=True):
        if curve.holds(result.success, result.cost_usd):
            continue  # more money changed nothing
        curve.add(
            f"price-aware, chosen on other folds for a budget of {budget:g}",
            result.success,
            result.cost_usd,
            {fold: str(chosen.ladder) for fold, chosen in result.by_fold.items()},
        )
    best = hindsight(decks, table, fitted, asked.sources, draws=asked.draws, seed=asked.seed, typical_usd=typical)
    return curve, best, fit(table, np.arange(len(decks)), budgets_usd)
