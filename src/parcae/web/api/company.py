"""An organisation as a document, folded from its events: tree, states, costs, inboxes, checklists, incidents, money.

Rows carry the place in the journal at which they last changed, so that a page asks only for what is new. A pure
function of events; knows nothing of journals or servers.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from parcae.core import events as core
from parcae.core.clock import WallClock
from parcae.core.protocols import Event, Recorded
from parcae.core.scope import Scope, is_in_turn
from parcae.ledger.account import free_account
from parcae.organization import events as told
from parcae.organization.chart import Employee
from parcae.organization.limits import CompanyLimits
from parcae.organization.office import Office
from parcae.store.memory import MemoryJournal
from parcae.web.api.told import Document, Priced

LETTERS_KEPT = 50
INCIDENTS_KEPT = 300
STALE_PAUSE_SECONDS = 5.0  # turns that begin so long after a pause show that the run was resumed


@dataclass(slots=True)
class Own:
    """What one employee did beside what the chart knows."""

    steps: int = 0
    cost_usd: float | None = 0.0
    model: str = ""
    changed: int = 0
    letters: deque[Document] = field(default_factory=lambda: deque(maxlen=LETTERS_KEPT))
    turns: deque[Document] = field(default_factory=lambda: deque(maxlen=LETTERS_KEPT))
    reviews: list[Document] = field(default_factory=list)


class CompanyFold:
    """The organisation in the scope `RUN/company`."""

    def __init__(self, run: str) -> None:
        self.run, self.seq = run, 0
        scope_id = f"{run}/company"
        scope = Scope(id=scope_id, account=free_account(scope_id), journal=MemoryJournal(), clock=WallClock(), seed=0)
        self.office = Office(scope, CompanyLimits())
        self.own: defaultdict[str, Own] = defaultdict(Own)
        self.incidents: deque[Document] = deque(maxlen=INCIDENTS_KEPT)
        self.limits: dict[str, float | None] = {}
        self.spent: Counter[str] = Counter()
        self.paused_at: float | None = None
        self.cancelled, self.ended = False, ""

    def take(self, entry: Recorded[Event]) -> None:
        """Take one event in."""
        self.seq, event = entry.seq, entry.event
        if isinstance(event, core.AccountOpened):
            self.limits[event.scope] = event.limits.usd
        elif isinstance(event, core.Settled):
            self._settled(event)
        elif isinstance(event, core.RunEnded):
            self.ended = event.status
        elif event.scope.startswith(self.office.scope.id):
            self.office.apply(event)
            self._note(event, entry)
            self._touch(event)

    def _settled(self, event: core.Settled) -> None:
        scope = event.scope
        while scope:
            self.spent[scope] += event.actual.usd  # type: ignore[assignment]  # a Counter of dollars
            scope = scope.rpartition("/")[0]
        if event.incident is not None:
            self._incident(event.scope, "money", event.incident, "the model gets no further limited calls", 0)

    def _touch(self, event: Event) -> None:
        chart = self.office.chart
        names = {who.name for who in (chart.of_scope(event.scope),) if who is not None}
        names |= {str(getattr(event, name)) for name in ("by", "to", "sender") if getattr(event, name, None)}
        if isinstance(event, told.Hired) and event.replaces:
            names |= {event.replaces, *chart.employees[event.order.name].subordinates}
        for name in names & chart.employees.keys():
            self.own[name].changed = self.seq

    def _note(self, event: Event, entry: Recorded[Event]) -> None:
        who = self.office.chart.of_scope(event.scope)
        own = self.own[who.name] if who is not None else None
        if own is not None and isinstance(event, Priced | core.StepReplied):
            own.steps, own.model = own.steps + 1, event.model
            known = own.cost_usd is not None and event.cost_usd is not None
            own.cost_usd = (own.cost_usd or 0.0) + (event.cost_usd or 0.0) if known else None
        elif own is not None and isinstance(event, told.Sent):
            letter: Document = {"at": entry.at, "from": event.sender, "to": event.to, "what": event.what}
            letter["text"] = event.text
            own.letters.append(letter)
            if event.sender in self.office.chart.employees:
                self.own[event.sender].letters.append(letter)
        elif own is not None and isinstance(event, told.TurnStarted):
            own.turns.append({"turn": event.turn, "scope": self._turn_scope(event), "began_at": entry.at, "reason": ""})
            if self.paused_at is not None and entry.at > self.paused_at + STALE_PAUSE_SECONDS:
                self.paused_at = None
        elif own is not None and isinstance(event, told.TurnEnded) and own.turns:
            own.turns[-1].update(ended_at=entry.at, reason=event.reason, detail=event.detail)
        elif own is not None and isinstance(event, told.Reviewed):
            own.reviews.append({"by": event.by, "accepted": event.accepted, "reasons": event.reasons})
        elif isinstance(event, told.Noticed):
            self._incident(event.scope, event.detector, event.what, event.cure, event.level, entry.at)
        elif isinstance(event, told.Controlled):
            self._controlled(event, entry.at)

    def _turn_scope(self, event: told.TurnStarted) -> str:
        return f"{event.scope}/turn-{event.turn}".removeprefix(f"{self.run}/")

    def _controlled(self, event: told.Controlled, at: float) -> None:
        if event.action in ("pause", "resume"):
            self.paused_at = at if event.action == "pause" else None
        elif event.action == "cancel":
            self.cancelled = True

    def _incident(self, scope: str, detector: str, what: str, cure: str, level: int, at: float = 0.0) -> None:
        who = self.office.chart.of_scope(scope)
        told_ = {"at": at, "seq": self.seq, "who": "" if who is None else who.name, "detector": detector}
        self.incidents.append({**told_, "what": what, "cure": cure, "level": level})

    # ---- documents

    def state(self, who: Employee) -> str:
        """One of "working", "queued" (has letters, waits for a turn), "waiting", "handed_in", "done" and "left"."""
        if who.status in ("done", "left", "handed_in"):
            return who.status
        if who.name in self.office.open_turns:
            return "working"
        return "queued" if who.name in self.office.ready else "waiting"

    def document(self, since: int = 0) -> Document:
        """The organisation; of its employees only those that changed after the place `since`."""
        employees, office = self.office.chart.employees, self.office
        return {
            "schema": "parcae.organization/1",
            "run": self.run,
            "seq": self.seq,
            "agents": len(employees),
            "depth": office.chart.depth,
            "states": dict(Counter(self.state(one) for one in employees.values())),
            "paused": self.paused_at is not None and not self.ended,
            "cancelled": self.cancelled,
            "winding_up": office.winding_up,
            "ended": self.ended,
            "spent_usd": self.spent[self.run],
            "budget_usd": self.limits.get(office.scope.id, self.limits.get(self.run)),
            "employees": [self._row(one) for one in employees.values() if self.own[one.name].changed > since],
            "waiting_hires": [
                {"name": one.order.name, "by": one.by, "limit": one.limit} for one in office.chart.queue.values()
            ],
            "questions": [self._question(one) for one in office.questions.values()],
            "incidents": [one for one in self.incidents if one["seq"] > since],
        }

    def _row(self, who: Employee) -> Document:
        own = self.own[who.name]
        return {
            "name": who.name,
            "by": who.by,
            "depth": who.depth,
            "rank": who.rank,
            "role": who.order.role,
            "state": self.state(who),
            "turn": self.office.turns.get(who.name, 0),
            "steps": own.steps,
            "cost_usd": own.cost_usd,
            "model": own.model,
            "rung": who.rung,
            "inbox": len(self.office.boxes[who.name].waiting),
            "planned": len(who.plan),
            "ticked": sum(item.state in ("done", "dropped") for item in who.plan),
            "last": (self.office.acts.get(who.name) or [""])[-1],
        }

    def _question(self, asked: told.HumanAsked) -> Document:
        who = self.office.chart.by_scope.get(asked.scope)
        name = "" if who is None else who.name
        return {"key": asked.key, "who": name, "question": asked.question, "tool": asked.tool}

    def employee(self, name: str) -> Document | None:
        """Everything about one employee; None if there is none of that name."""
        who = self.office.chart.employees.get(name)
        if who is None:
            return None
        own, result = self.own[name], who.result
        return {
            **self._row(who),
            "schema": "parcae.employee/1",
            "run": self.run,
            "seq": self.seq,
            "task": who.order.task,
            "why": who.order.why,
            "replaces": who.replaces,
            "subordinates": list(who.subordinates),
            "allotted_usd": who.allotted_usd,
            "checklist": [{"text": one.text, "state": one.state, "evidence": one.evidence} for one in who.plan],
            "waiting": [
                {"from": one.sender, "what": one.what, "text": one.text} for one in self.office.boxes[name].waiting
            ],
            "letters": list(own.letters),
            "turns": list(own.turns),
            "reviews": own.reviews,
            "result": None
            if result is None
            else {
                "summary": result.summary,
                "files": list(result.files),
                "checks": [{"check": one.check, "passed": one.passed, "detail": one.detail} for one in result.checks],
            },
            "incidents": [one for one in self.incidents if one["who"] == name],
        }

    def accounts(self) -> Document:
        """Every account that has a limit or spent something, with what it and all below it spent."""
        scopes = [one for one in sorted({*self.limits, *self.spent}) if not is_in_turn(one)]
        return {
            "schema": "parcae.accounts/1",
            "run": self.run,
            "accounts": [
                {"account": one, "limit_usd": self.limits.get(one), "spent_usd": self.spent[one]} for one in scopes
            ],
        }
