"""What runs a journal holds, as a list shows them. Knows nothing of what any command does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from parcae.core.events import (
    AttemptStarted,
    OutcomeGiven,
    RunDeleted,
    RunEnded,
    RunStarted,
    Settled,
    StepCompleted,
    StepReplied,
)
from parcae.core.protocols import Event, Journal, Recorded
from parcae.core.scope import is_in_turn

UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """A reply without what was said: all that a sum needs, and much faster to read."""

    kind: ClassVar[str] = StepReplied.kind
    scope: str
    model: str
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run at a glance. `status` is "unfinished" until it ended; `right` is what somebody who knows said of it.

    `spent_usd` counts failed and lost calls too, which the steps do not show; None: the price of a call is unknown.
    Times are Unix seconds. `command` is None for a run whose beginning is not in the journal.
    """

    run: str
    command: str | None
    question: str
    status: str
    began_at: float
    last_at: float
    attempts: int
    steps: int
    spent_usd: float | None
    right: bool | None


async def runs_in(journal: Journal, run: str = "") -> tuple[RunSummary, ...]:
    """The runs of `journal` (or `run` alone), newest first.

    Raises:
        StoreFailed: the journal cannot be read.
    """
    kinds: Sequence[type[Event]] = (
        RunStarted,
        RunEnded,
        RunDeleted,
        AttemptStarted,
        StepCost,
        StepCompleted,
        Settled,
        OutcomeGiven,
    )
    drafts: dict[str, _Draft] = {}
    for entry in await journal.read(run, kinds):
        name = entry.event.scope.partition("/")[0]
        if isinstance(entry.event, RunDeleted):
            drafts.pop(name, None)
        else:
            drafts.setdefault(name, _Draft(run=name, began_at=entry.at)).take(entry)
    return tuple(draft.summary() for draft in sorted(drafts.values(), key=lambda one: -one.began_at))


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A summary under way."""

    run: str
    began_at: float
    last_at: float = 0.0
    started: RunStarted | None = None
    ended: RunEnded | None = None
    right: bool | None = None
    attempts: set[str] = field(default_factory=set)
    steps: int = 0
    spent_usd: float = 0.0
    priced: bool = True

    def take(self, entry: Recorded[Event]) -> None:
        """Take one event in."""
        self.last_at, event = entry.at, entry.event
        if isinstance(event, RunStarted):
            self.started = event
        elif isinstance(event, RunEnded):
            self.ended = event
        elif isinstance(event, AttemptStarted):
            self.attempts.add(event.scope)
            self.ended = None  # it was resumed after it had ended
        elif isinstance(event, StepCost | StepReplied):
            self.priced = self.priced and event.cost_usd is not None
        elif isinstance(event, StepCompleted):
            self.steps += 1
        elif isinstance(event, Settled):
            self.spent_usd += event.actual.usd
        elif isinstance(event, OutcomeGiven) and not is_in_turn(event.scope):
            self.right = event.success

    def summary(self) -> RunSummary:
        """What was taken in so far."""
        return RunSummary(
            run=self.run,
            command=None if self.started is None else self.started.command,
            question="" if self.started is None else self.started.task.question,
            status=UNFINISHED if self.ended is None else self.ended.status,
            began_at=self.began_at,
            last_at=self.last_at,
            attempts=len(self.attempts),
            steps=self.steps,
            spent_usd=self.spent_usd if self.priced else None,
            right=self.right,
        )
