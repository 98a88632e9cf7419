"""All runs at a glance, folded from events: status, spend against budget, savings as an estimate, incidents."""

from __future__ import annotations

import json
import tomllib
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from parcae.core import events as core
from parcae.core.plan import parse
from parcae.core.protocols import Event, ModelCard, Recorded
from parcae.core.scope import is_in_turn
from parcae.core.usage import Usage
from parcae.organization.events import Noticed
from parcae.web.api.told import Document, Priced

CardOf = Callable[[str], ModelCard | None]
MOST_INCIDENTS = 50


@dataclass(slots=True, kw_only=True)
class Glance:
    """One run under way or over."""

    run: str
    began_at: float
    last_at: float = 0.0
    started: core.RunStarted | None = None
    ended: core.RunEnded | None = None
    right: bool | None = None
    attempts: set[str] = field(default_factory=set)
    steps: int = 0
    spent_usd: float = 0.0
    priced: bool = True
    usage: Usage = Usage()
    incidents: int = 0


class OverviewFold:
    """Every run of a journal by name. `card_of` gives what is known of a model: its price, for the estimate."""

    def __init__(self, card_of: CardOf) -> None:
        self._card_of = card_of
        self.runs: dict[str, Glance] = {}
        self.incidents: deque[Document] = deque(maxlen=MOST_INCIDENTS)
        self.deletions = Counter[str]()  # by name: a run of the same name is another one
        self.seq = 0

    def take(self, entry: Recorded[Event]) -> None:
        """Take one event in."""
        self.seq, event = entry.seq, entry.event
        name = event.scope.partition("/")[0]
        if isinstance(event, core.RunDeleted):
            self.runs.pop(name, None)
            self.deletions[name] += 1
            return
        run = self.runs.setdefault(name, Glance(run=name, began_at=entry.at))
        run.last_at = entry.at
        if isinstance(event, core.RunStarted):
            run.started = event
        elif isinstance(event, core.RunEnded):
            run.ended = event
        elif isinstance(event, core.AttemptStarted):
            run.attempts.add(event.scope)
            run.ended = None
        elif isinstance(event, Priced | core.StepReplied):
            run.usage += event.usage
            run.priced = run.priced and event.cost_usd is not None
        elif isinstance(event, core.StepCompleted):
            run.steps += 1
        elif isinstance(event, core.Settled):
            run.spent_usd += event.actual.usd
        elif isinstance(event, core.OutcomeGiven) and not is_in_turn(event.scope):
            run.right = event.success
        elif isinstance(event, core.Incident | Noticed):
            run.incidents += 1
            self.incidents.append(_incident(name, event, entry.at))

    def run(self, name: str) -> Document | None:
        """One run; None if there is none of that name."""
        found = self.runs.get(name)
        return None if found is None else {"schema": "parcae.run-glance/1", **self._row(found)}

    def rows(self) -> list[Document]:
        """Every run, newest first."""
        return [self._row(one) for one in sorted(self.runs.values(), key=lambda one: -one.began_at)]

    def document(self) -> Document:
        """Sums over all runs, and what went wrong last."""
        rows = self.rows()
        saved = [row["saved_usd"] for row in rows if row["saved_usd"] is not None]
        return {
            "schema": "parcae.overview/1",
            "seq": self.seq,
            "runs": rows,
            "spent_usd": sum(one.spent_usd for one in self.runs.values()),
            "unpriced_runs": sum(not one.priced for one in self.runs.values()),
            "saved_usd": sum(saved) if saved else None,
            "saved_runs": len(saved),
            "incidents": list(self.incidents)[::-1],
        }

    def _row(self, one: Glance) -> Document:
        started = one.started
        strongest = _strongest(started)
        return {
            "run": one.run,
            "command": None if started is None else started.command,
            "question": "" if started is None else started.task.question,
            "status": "unfinished" if one.ended is None else one.ended.status,
            "detail": "" if one.ended is None else one.ended.detail,
            "began_at": one.began_at,
            "last_at": one.last_at,
            "attempts": len(one.attempts),
            "steps": one.steps,
            "spent_usd": one.spent_usd if one.priced else None,
            "budget_usd": _budget(started),
            "saved_usd": self._saved(one, strongest),
            "strongest": strongest,
            "right": one.right,
            "incidents": one.incidents,
        }

    def _saved(self, one: Glance, strongest: str | None) -> float | None:
        """An estimate: the same tokens at the price of the strongest model of the run's plan, less what was spent."""
        card = None if strongest is None else self._card_of(strongest)
        if card is None or card.price is None or not one.priced:
            return None
        return card.price.cost_usd(one.usage) - one.spent_usd


def _incident(run: str, event: core.Incident | Noticed, at: float) -> Document:
    detector = event.detector if isinstance(event, Noticed) else ""
    who = event.scope.rpartition("/")[2]
    return {"run": run, "at": at, "who": who, "detector": detector, "what": event.what, "cure": event.cure}


def _strongest(started: core.RunStarted | None) -> str | None:
    with suppress(ValueError, KeyError, AttributeError):
        plan = parse(tomllib.loads(started.options["plan"]), possible=False)  # type: ignore[union-attr]  # None is suppressed
        return plan.default.ladder[-1]
    return None


def _budget(started: core.RunStarted | None) -> float | None:
    """What the user allowed, as the options of the commands keep it."""
    options = {} if started is None else started.options
    with suppress(ValueError, TypeError, KeyError):
        if "rest" in options:
            return float(json.loads(options["rest"])["budget_usd"])
        return float(options["budget_usd"])
    return None
