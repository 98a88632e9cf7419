"""A trained forecaster: one file that numpy evaluates, behind the same `watch` as every other.

Trust falls, and the reasons say so, where it meets tools, models or magnitudes that training did not show.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Forecast
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.graphs.agreement import promises
from parcae.graphs.features import FEATURES, unknown_tools
from parcae.graphs.semantic import SemanticGraph
from parcae.graphs.tally import Tally, TaskFacts, facts_of
from parcae.graphs.turns import Turn, turn_of
from parcae.prediction.blend import AnyHead, head_from, kind_of, reads_names, score_of
from parcae.prediction.calibrate import Calibration
from parcae.prediction.card import Card, EarlierFormat, card_from, card_text
from parcae.prediction.commonness import arrays_of, common_from
from parcae.prediction.embedders import embedder_from, known_dimensions
from parcae.prediction.gcn import Gcn, gcn_from
from parcae.prediction.gcn_watch import GcnWatch
from parcae.prediction.metrics import Floats
from parcae.prediction.names import table_of
from parcae.prediction.prefixes import Prefix
from parcae.prediction.sound import MIX, check_curve, check_features, check_finite, check_head
from parcae.store.whole import write_whole

HARNESS, GROUP = "harness", "group"
STRANGE_MODEL = 0.5  # how much trust is left when attempts run on a model that training did not show
MOST_DRIFT = 0.5  # at this share of features out of range nothing is left
GCN = "gcn"
EMBEDDED = "embedder/"
COMMON = "common/"
TEXTS = ("card", "kind", f"{EMBEDDED}words")
SCORES, P_FAIL = "calibration/scores", "calibration/p_fail"
UNFIT = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


def row_of(tally: Tally, names: tuple[str, ...]) -> Floats:
    """The features called `names`, float64 (d,); "mix:TOOL" is the share of TOOL among the calls."""
    calls = max(1, tally.calls)
    return np.array(
        [
            tally.tools[name.removeprefix(MIX)] / calls if name.startswith(MIX) else FEATURES[name](tally)
            for name in names
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A Forecaster that was trained. `embedded`: the arrays of an embedder that was trained with it.

    `common`: in how many of the tasks that it was trained on each name was a candidate.
    """

    card: Card
    head: AnyHead | Gcn
    calibration: Calibration
    embedded: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    common: Mapping[str, int] = field(default_factory=dict)

    def watch(self, task: Task, samples: int) -> FittedWatch:
        """Begin to follow `samples` attempts at `task`."""
        return self.follow(samples, facts_of(task))

    def follow(self, samples: int, facts: TaskFacts) -> FittedWatch:
        """The same, for recordings that know the facts of a task and no task."""
        graph = None
        if isinstance(self.head, Gcn):
            embedder = embedder_from(self.card.embedder, self.embedded)
            grown = SemanticGraph(embedder=embedder, tools=self.card.tools)
            graph = GcnWatch(gcn=self.head, graph=grown)
        return FittedWatch(
            fitted=self, tally=Tally(samples=samples, facts=facts.beside(self.common)), graph=graph, models=set()
        )

    def of(self, prefix: Prefix) -> Forecast:
        """The forecast for a prefix.

        Raises:
            TypeError: it is something else, such as a whole group with its verdict.
        """
        if not isinstance(prefix, Prefix):
            raise TypeError(f"a forecaster is asked on a Prefix, not on {type(prefix).__name__}")
        watch = self.follow(prefix.samples, prefix.facts)
        for number, turn in prefix.arrivals():
            watch.take(number, turn)
        return watch.forecast()


@dataclass(slots=True, kw_only=True)
class FittedWatch:
    """Counts, and the graph where the head reads one; adding a step costs the step."""

    fitted: Fitted
    tally: Tally
    graph: GcnWatch | None
    models: set[str]

    def add(self, attempt: int, step: Step) -> None:
        """Take in one more complete step of attempt number `attempt`."""
        self.take_turn(attempt, turn_of(step), step.model)

    def take_turn(self, attempt: int, turn: Turn, model: str) -> None:
        """The same from the step's turn."""
        if model not in (HARNESS, GROUP):
            self.models.add(model)
        self.take(attempt, turn)

    def take(self, attempt: int, turn: Turn) -> None:
        """Take in one more turn."""
        self.tally.add(attempt, turn)
        if self.graph is not None:
            self.graph.add(attempt, turn)

    def forecast(self) -> Forecast:
        """The calibrated score, with as much trust as what it saw resembles its training."""
        card, head = self.fitted.card, self.fitted.head
        row = row_of(self.tally, card.features)
        if isinstance(head, Gcn):
            assert self.graph is not None
            score = self.graph.score()
        else:
            score = score_of(head, row, table_of(self.tally) if reads_names(head) else None)
        p_fail = self.fitted.calibration(score)
        trust, doubts = self._trust(row)
        summary = f"{card.kind} trained on {card.tasks} tasks says {p_fail:.2f}{_record(card, p_fail)}"
        return Forecast(
            p_fail=p_fail,
            trust=trust,
            reasons=(summary, *doubts),
            promise=promises(self.tally),
            stop_above=card.stop_above,
        )

    def strangers(self) -> list[str]:
        """The models at work that training did not show, by name; none where it knew of none."""
        return sorted(self.models - set(self.fitted.card.models)) if self.fitted.card.models else []

    def _trust(self, row: Floats) -> tuple[float, tuple[str, ...]]:
        card, doubts, trust = self.fitted.card, [], 1.0
        strange = unknown_tools(self.tally, card.tools)
        if strange:
            share = sum(self.tally.tools[tool] for tool in strange) / max(1, self.tally.calls)
            trust *= 1 - share
            doubts.append(f"{share:.0%} of the calls are to tools it was not trained on ({', '.join(strange[:3])})")
        out = (row < np.array(card.low) - 1e-9) | (row > np.array(card.high) + 1e-9)
        drift = float(out.mean()) if len(out) else 0.0
        if drift > 0.1:
            trust *= max(0.0, 1 - drift / MOST_DRIFT)
            names = [name for name, outside in zip(card.features, out, strict=True) if outside]
            doubts.append(f"{drift:.0%} of what it measures lies outside its training ({', '.join(names[:3])})")
        others = self.strangers()
        if others:
            trust *= STRANGE_MODEL
            doubts.append(f"it never saw attempts by {', '.join(others[:3])}")
        return trust, tuple(doubts)


def _record(card: Card, p_fail: float) -> str:
    """What became of the unseen tasks of which as much was said: the forecast's calibration, in words."""
    for low, high, tasks, _, rate in card.reliability:
        if low <= p_fail < high or p_fail == high == 1:
            return f" (between {low:.1f} and {high:.1f}, {rate:.0%} of {tasks:.0f} such forecasts came true)"
    return ""


# ---- the file -----------------------------------------------------------------------------------------------------


def save(fitted: Fitted, file: Path) -> None:
    """Write `fitted` to `file`, whole or not at all; the same forecaster gives the same bytes."""
    head = fitted.head
    kind = GCN if isinstance(head, Gcn) else kind_of(head)
    arrays = {f"head/{name}": array for name, array in head.arrays().items()}
    arrays |= {f"{EMBEDDED}{name}": array for name, array in fitted.embedded.items()}
    arrays |= {f"{COMMON}{name}": array for name, array in arrays_of(fitted.common).items()}
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        **{
            "card": np.array(card_text(fitted.card)),
            "kind": np.array(kind),
            SCORES: fitted.calibration.scores,
            P_FAIL: fitted.calibration.p_fail,
            **arrays,
        },
    )
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(file, buffer.getvalue())


def load(file: Path) -> Fitted:
    """The forecaster in `file`, able to forecast: what it reads is known here and all that it holds fits together.

    Raises:
        EarlierFormat: an earlier Parcae wrote it.
        CallerMistake: there is none, it is damaged, a later Parcae wrote it, or its provider of embeddings is missing.
    """
    try:
        return _fitted_from(_arrays_in(file), source=str(file))
    except FileNotFoundError:
        raise CallerMistake(f"there is no forecaster {file}", "train one: parcae train") from None
    except (OSError, *UNFIT) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise CallerMistake(f"{file} is no forecaster: {why}", "train it again: parcae train") from None


def _arrays_in(file: Path) -> dict[str, NDArray[np.generic]]:
    """All arrays of an archive; what numpy says of damage is left out, for it advises to load what may be evil."""
    content = io.BytesIO(file.read_bytes())
    try:
        with np.load(content, allow_pickle=False) as stored:
            held = {name: stored[name] for name in stored.files}
    except Exception:  # noqa: BLE001  # zipfile and numpy name no limit to what changed bytes make them raise
        raise ValueError("it is damaged, or was never one") from None
    if not all(isinstance(array, np.ndarray) for array in held.values()):
        raise ValueError("it holds something else than arrays")
    return held


def _fitted_from(held: Mapping[str, NDArray[np.generic]], *, source: str) -> Fitted:
    """One of UNFIT if the arrays are not those of a forecaster."""
    card = card_from(str(held["card"]), source=source)
    check_features(card.features)
    arrays, embedded, kind = _below("head/", held), _below(EMBEDDED, held), str(held["kind"])
    check_finite({name: array for name, array in held.items() if name not in TEXTS})
    scores, p_fail = (np.asarray(held[name], dtype=np.float64) for name in (SCORES, P_FAIL))
    curve = Calibration(method=card.calibration, scores=scores, p_fail=p_fail)
    check_curve(curve)
    head: AnyHead | Gcn
    width = None
    if kind == GCN:
        head = gcn_from(arrays)
        embedder = embedder_from(card.embedder, embedded)
        width = SemanticGraph(embedder=embedder, tools=card.tools).width if known_dimensions(embedder) else None
    else:
        head = head_from(kind, arrays)
    check_head(head, features=len(card.features), width=width)
    common = common_from(_below(COMMON, held))
    return Fitted(card=card, head=head, calibration=curve, embedded=embedded, common=common)


def _below(prefix: str, held: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    return {name.removeprefix(prefix): array for name, array in held.items() if name.startswith(prefix)}


def refuse_other_agent(meant: str, agent: str, *, source: str) -> None:
    """Make sure that a forecaster that is `meant` for tasks of one kind is for those of kind `agent`.

    Raises:
        CallerMistake: it was trained for others.
    """
    if meant != agent:
        raise CallerMistake(
            f"{source} was trained on tasks of kind {meant!r}, this one is {agent!r}",
            "name another forecaster, or train one: parcae train",
        )


def refuse_to_replace(file: Path, agent: str) -> None:
    """Make sure that nothing but an earlier forecaster, of this format or an earlier one, would be written over.

    Raises:
        CallerMistake: something else lies there, such as a forecaster for other tasks than those of kind `agent`.
    """
    if not file.exists():
        return
    try:
        refuse_other_agent(_meant_for(file), agent, source=str(file))
    except CallerMistake as other:
        raise CallerMistake(f"{file} is not written over: {other.what}", "name another --out, or remove it") from None


def _meant_for(file: Path) -> str:
    try:
        return load(file).card.agent
    except EarlierFormat as earlier:
        return earlier.agent
