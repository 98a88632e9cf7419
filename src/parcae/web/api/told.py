"""Events as the read API takes them in: a reply as plain JSON, which is much faster to read than its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from parcae.core import events as core
from parcae.core.protocols import Event, JsonValue
from parcae.core.usage import Usage
from parcae.organization import events as company
from parcae.store.codec import decode, encode

Document = dict[str, Any]  # a JSON object on its way out


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """A reply with `reply` as it lies in the journal."""

    kind: ClassVar[str] = core.StepReplied.kind
    scope: str
    step: int
    model: str
    reply: Mapping[str, JsonValue]
    asked: str | None = None
    usage: Usage = Usage()
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A reply without what was said."""

    kind: ClassVar[str] = core.StepReplied.kind
    scope: str
    model: str
    usage: Usage = Usage()
    cost_usd: float | None = 0.0


ATTEMPT_KINDS: tuple[type[Event], ...] = (
    core.AttemptStarted,
    Replied,
    core.StepObserved,
    core.StepCompleted,
    core.AttemptEnded,
    core.Forecasted,
    core.Decided,
)
COMPANY_KINDS: tuple[type[Event], ...] = (
    *company.KINDS,
    Priced,
    core.StepCompleted,
    core.AccountOpened,
    core.Settled,
    core.RunEnded,
)
OVERVIEW_KINDS: tuple[type[Event], ...] = (
    core.RunStarted,
    core.RunEnded,
    core.RunDeleted,
    core.AttemptStarted,
    Priced,
    core.StepCompleted,
    core.Settled,
    core.OutcomeGiven,
    core.Incident,
    company.Noticed,
)
EVERY_KIND: tuple[type[Event], ...] = (
    *(kind for kind in vars(core).values() if isinstance(kind, type) and isinstance(getattr(kind, "kind", None), str)),
    *company.KINDS,
)
STREAMED: tuple[type[Event], ...] = tuple(Replied if kind is core.StepReplied else kind for kind in EVERY_KIND)


def plain(event: Event) -> Event:
    """`event`; a whole reply as plain JSON (journals in memory hand out the events themselves)."""
    return decode(Replied, event.scope, encode(event)) if isinstance(event, core.StepReplied) else event
