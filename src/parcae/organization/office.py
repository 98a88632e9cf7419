"""The living state of an organisation: chart, mailboxes, who is ready, what was asked. A fold over events, and no more.

An act is decided and applied between two awaits, then made durable; nobody is told of it before. Since the journal
keeps the order of appends, what others do meanwhile can never be durable without it. Applying the events of the
journal in their order gives the same state, who waits for a turn included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from parcae.core.protocols import Event, ToolRefused
from parcae.core.scope import Scope
from parcae.core.usage import Limits
from parcae.organization import events as told
from parcae.organization.chart import Chart, Employee
from parcae.organization.limits import CompanyLimits
from parcae.organization.mailbox import Mailbox

HUMAN = "human"
COMPANY = ""
REMEMBERED_ACTS = 12
SHORT = 100


class Office:
    """Everything that is known of one organisation; `scope` is its own."""

    def __init__(self, scope: Scope, limits: CompanyLimits) -> None:
        self.scope, self.limits = scope, limits
        self.chart = Chart()
        self.boxes: dict[str, Mailbox] = {}
        self.ready: dict[str, None] = {}  # who waits for a turn, in the order in which they were woken
        self.turns: dict[str, int] = {}
        self.open_turns: dict[str, told.TurnStarted] = {}
        self.acts: dict[str, deque[str]] = {}
        self.done: dict[str, str] = {}  # key of an act -> what was said of it
        self.orders: dict[str, tuple[str, str]] = {}  # key of a hire -> the name given, and the limit it waited for
        self.refusals: dict[str, str] = {}  # key of a hand-in -> why its checks or judges refused it
        self.levels: dict[str, int] = {}  # how far up the ladder of cures somebody is
        self.chats: dict[str, dict[str, int]] = {}  # letters between two since either did anything else
        self.questions: dict[str, told.HumanAsked] = {}
        self.answers: dict[str, str] = {}
        self.unread: list[told.Controlled] = []
        self.last_ends: dict[str, tuple[str, str]] = {}  # reason and detail of everybody's last turn
        self.reviews_in_turn: dict[str, int] = {}
        self.winding_up: str | None = None
        self._scopes: dict[str, Scope] = {}

    # ---- acting

    async def record(self, *events: Event, after: Sequence[Event] = ()) -> None:
        """Let `events` happen: at once for everybody here, and durably when this returns.

        `after` holds events that were applied already and are written in the same append, before the others.
        """
        for event in events:
            self.apply(event)
        await self.scope.journal.append([*after, *events])

    def who(self, scope: Scope) -> Employee:
        """Whose call this is.

        Raises:
            ToolRefused: nobody's here.
        """
        found = self.chart.of_scope(scope.id)
        if found is None:
            raise ToolRefused("this can be done by employees of an organisation only")
        self.boxes[found.name].responds()
        return found

    def scope_of(self, who: Employee) -> Scope:
        """The scope of an employee, below that of its superior; its account has what was set aside for it."""
        found = self._scopes.get(who.name)
        if found is None:
            above, name = who.scope.rsplit("/", 1)
            superior = self.chart.by_scope.get(above)
            parent = self.scope if superior is None else self.scope_of(superior)
            found = self._scopes[who.name] = parent.child(name, limits=Limits(usd=who.allotted_usd))
        return found

    def letter(self, key: str, sender: str, to: Employee, what: told.LetterKind, text: str) -> told.Sent:
        """A letter to `to`, not yet sent."""
        return told.Sent(scope=to.scope, key=key, sender=sender, to=to.name, what=what, text=text)

    # ---- the fold

    def apply(self, event: Event) -> None:
        """Take one event in; one that was taken in before changes nothing."""
        key = getattr(event, "key", "")
        if key and f"{event.kind}{key}" in self.done:
            return
        handler = _HANDLERS.get(type(event))
        if handler is None:
            return
        said = handler(self, event)
        if key:
            self.done[f"{event.kind}{key}"] = said or ""
        if said:
            self._acted(event.scope, said)

    def did(self, kind: type[Event], key: str) -> str | None:
        """What was said of the act `key` if it was done before, else None."""
        return self.done.get(f"{kind.kind}{key}")

    def _acted(self, scope: str, said: str) -> None:
        who = self.chart.by_scope.get(scope)
        if who is not None:
            self.acts.setdefault(who.name, deque(maxlen=REMEMBERED_ACTS)).append(said)

    def _hired(self, event: told.Hired) -> str:
        newcomer = self.chart.hired(event)
        self.boxes[newcomer.name] = Mailbox()
        self.orders.setdefault(event.key, (newcomer.name, ""))
        self._act_of(event.by, f"you hired {newcomer.name}: {_short(event.order.task)}")
        return ""

    def _act_of(self, name: str, said: str) -> None:
        if name in self.chart.employees:
            self.acts.setdefault(name, deque(maxlen=REMEMBERED_ACTS)).append(said)

    def _sent(self, event: told.Sent) -> str:
        if event.sender in self.chart.employees:
            self._act_of(event.sender, f"you wrote to {event.to}: {_short(event.text)}")
            if event.what == "message":
                for one, other in ((event.sender, event.to), (event.to, event.sender)):
                    with_one = self.chats.setdefault(one, {})
                    with_one[other] = with_one.get(other, 0) + 1
        if self.boxes[event.to].deliver(event) and self.chart.employees[event.to].status != "left":
            self.ready[event.to] = None
        return ""

    def _turn_started(self, event: told.TurnStarted) -> str:
        name = self.chart.by_scope[event.scope].name
        self.ready.pop(name, None)
        self.boxes[name].taken(event.letters)
        self.turns[name], self.open_turns[name] = event.turn, event
        self.reviews_in_turn.pop(name, None)
        return ""

    def _turn_ended(self, event: told.TurnEnded) -> str:
        who = self.chart.by_scope[event.scope]
        self.open_turns.pop(who.name, None)
        self.last_ends[who.name] = (event.reason, event.detail)
        if self.boxes[who.name].rests() and who.status != "left":
            self.ready[who.name] = None
        return ""

    def _handed_in(self, event: told.HandedIn) -> str:
        self.chart.handed_in(event)
        self._worked(self.chart.by_scope[event.scope].name)
        return f"you handed in: {_short(event.summary)}"

    def _reviewed(self, event: told.Reviewed) -> str:
        self.chart.reviewed(event)
        who = self.chart.by_scope[event.scope]
        self._worked(event.by)
        self.reviews_in_turn[event.by] = self.reviews_in_turn.get(event.by, 0) + 1
        if event.accepted:
            self.levels.pop(who.name, None)
            return f"{event.by or 'the company'} accepted your result"
        call, _, last = event.key.rpartition("/")
        if last in ("checks", "judges"):
            self.refusals[call] = f"not accepted by the {last}: {event.reasons}. Mend it and hand in again"
        return f"{event.by or 'the company'} sent your result back: {_short(event.reasons)}"

    def _worked(self, name: str) -> None:
        """Something other than talk was done: conversations with `name` may go on."""
        for other in self.chats.pop(name, ()):
            with_other = self.chats.get(other, {})
            with_other.pop(name, None)
            if not with_other:
                self.chats.pop(other, None)

    def _left(self, event: told.Left) -> str:
        self.chart.left(event)
        self.ready.pop(self.chart.by_scope[event.scope].name, None)
        return ""

    def _planned(self, event: told.Planned) -> str:
        self.chart.planned(event)
        done = sum(item.state in ("done", "dropped") for item in event.items)
        return f"you planned {len(event.items)} items, {done} done"

    def _queued(self, event: told.HireQueued) -> str:
        self.chart.queued(event)
        self.orders[event.key] = (event.order.name, event.limit)
        return f"the hire of {event.order.name} waits: {event.limit}"

    def _returned(self, event: told.HireReturned) -> str:
        self.chart.returned(event)
        return ""

    def _noticed(self, event: told.Noticed) -> str:
        who = self.chart.by_scope.get(event.scope)
        if who is not None:
            self.levels[who.name] = max(self.levels.get(who.name, 0), event.level + 1)
            if event.detector == "ping_pong":
                self._worked(who.name)
        return ""

    def _promoted(self, event: told.Promoted) -> str:
        self.chart.by_scope[event.scope].rung = event.rung
        return ""

    def _winds_up(self, event: told.WindingUp) -> str:
        self.winding_up = event.why
        return ""

    def _human_asked(self, event: told.HumanAsked) -> str:
        self.questions[event.key] = event
        return f"you asked a person: {_short(event.question)}"

    def _controlled(self, event: told.Controlled) -> str:
        if event.action == "answer":
            self.answers[event.about] = event.text
            self.questions.pop(event.about, None)
        self.unread.append(event)
        return ""


_HANDLERS: dict[type[object], Callable[[Office, Any], str]] = {
    told.Hired: Office._hired,
    told.HireQueued: Office._queued,
    told.HireReturned: Office._returned,
    told.Sent: Office._sent,
    told.TurnStarted: Office._turn_started,
    told.TurnEnded: Office._turn_ended,
    told.Planned: Office._planned,
    told.HandedIn: Office._handed_in,
    told.Reviewed: Office._reviewed,
    told.Left: Office._left,
    told.Noticed: Office._noticed,
    told.Promoted: Office._promoted,
    told.WindingUp: Office._winds_up,
    told.HumanAsked: Office._human_asked,
    told.Controlled: Office._controlled,
}


async def reopened(scope: Scope, limits: CompanyLimits) -> Office:
    """The organisation in `scope` as its journal tells it; an empty one if the journal tells nothing."""
    office = Office(scope, limits)
    entries: Sequence[object] = await scope.journal.read(scope.id, told.KINDS)
    for entry in entries:
        office.apply(entry.event)  # type: ignore[attr-defined]  # recorded events of several kinds
    office.unread = [one for one in office.unread if one.action in ("message", "answer") and not _obeyed(office, one)]
    return office


def _obeyed(office: Office, event: told.Controlled) -> bool:
    """Whether what a person wrote was passed on already. An old "pause" or "cancel" does not bind a resumed run."""
    return office.did(told.Sent, f"{event.key}/letter") is not None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[:SHORT]}..."
