"""Who works here: the tree of employees, their tasks, and where each stands. Rebuilt from events; decides nothing.

Knows nothing of money, models or mailboxes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from parcae.organization.events import HandedIn, Hired, HireQueued, HireReturned, Item, Left, Order, Planned, Reviewed

Status = Literal["working", "handed_in", "done", "left"]
_WORDS = re.compile(r"[\w./:-]+")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
LONGEST_NAME = 48
RESERVED = frozenset({"", "human", "group", "company", "everyone"})


@dataclass(slots=True, kw_only=True)
class Employee:
    """One employee: what it was hired for, by whom, and what became of it.

    `present`: how many of its subordinates have not left; `busy`: how many of them have an open task.
    """

    name: str
    scope: str
    order: Order
    by: str
    depth: int
    rung: int = 0
    allotted_usd: float | None = None
    replaces: str | None = None
    status: Status = "working"
    subordinates: list[str] = field(default_factory=list)
    present: int = 0
    busy: int = 0
    plan: tuple[Item, ...] = ()
    result: HandedIn | None = None
    results: int = 0
    rejections: int = 0
    spent_usd: float | None = None

    @property
    def open(self) -> bool:
        """Whether its task is not done: nothing was accepted yet."""
        return self.status in ("working", "handed_in")

    @property
    def rank(self) -> Literal["boss", "admin", "agent"]:
        """The boss has no superior; whom the boss hired, and whoever hires, is an admin."""
        if not self.by:
            return "boss"
        return "admin" if self.depth == 2 or self.subordinates else "agent"


class Chart:
    """Everybody who works or worked here, by name and by scope, and the hires that wait."""

    def __init__(self) -> None:
        self.employees: dict[str, Employee] = {}
        self.by_scope: dict[str, Employee] = {}
        self.queue: dict[str, HireQueued] = {}
        self.boss: Employee | None = None
        self.working = 0  # employees whose task is open
        self._tasks: dict[str, str] = {}

    @property
    def depth(self) -> int:
        """Levels of the tree."""
        return max((one.depth for one in self.employees.values()), default=0)

    # ---- what the journal tells

    def hired(self, event: Hired) -> Employee:
        """Take a newcomer in."""
        superior = self.employees.get(event.by)
        newcomer = Employee(
            name=event.order.name,
            scope=event.scope,
            order=event.order,
            by=event.by,
            depth=1 if superior is None else superior.depth + 1,
            rung=event.rung,
            allotted_usd=event.allotted_usd,
            replaces=event.replaces,
        )
        self.employees[newcomer.name] = self.by_scope[newcomer.scope] = newcomer
        if superior is not None:
            superior.subordinates.append(newcomer.name)
            superior.present += 1
            superior.busy += 1
        self.queue.pop(event.key, None)
        self._tasks[same_words(event.order.task)] = newcomer.name
        self.working += 1
        if superior is None:
            self.boss = newcomer
        if event.replaces is not None:
            self._inherit(newcomer, self.employees[event.replaces])
        return newcomer

    def _inherit(self, heir: Employee, gone: Employee) -> None:
        """The people, the checklist and the waiting hires of `gone` are the heir's now."""
        heir.plan, heir.subordinates, gone.subordinates = gone.plan, gone.subordinates, []
        heir.present, heir.busy, gone.present, gone.busy = gone.present, gone.busy, 0, 0
        for name in heir.subordinates:
            self.employees[name].by = heir.name
        for key, waiting in self.queue.items():
            if waiting.by == gone.name:
                self.queue[key] = replace(waiting, by=heir.name)

    def queued(self, event: HireQueued) -> None:
        """A hire waits."""
        self.queue[event.key] = event

    def returned(self, event: HireReturned) -> None:
        """A hire waits no more."""
        self.queue.pop(event.key, None)

    def planned(self, event: Planned) -> None:
        """A checklist was written."""
        self.by_scope[event.scope].plan = event.items

    def handed_in(self, event: HandedIn) -> None:
        """A result awaits its review."""
        who = self.by_scope[event.scope]
        who.result = event
        who.results += 1
        self._stands(who, "handed_in")

    def reviewed(self, event: Reviewed) -> None:
        """A verdict was given."""
        who = self.by_scope[event.scope]
        if who.status == "left":
            return
        who.rejections = 0 if event.accepted else who.rejections + 1
        self._stands(who, "done" if event.accepted else "working")

    def left(self, event: Left) -> None:
        """Somebody left."""
        who = self.by_scope[event.scope]
        who.spent_usd = event.spent_usd
        self._stands(who, "left")

    def _stands(self, who: Employee, status: Status) -> None:
        superior = self.employees.get(who.by)
        opened, stays = -who.open, -(who.status != "left")
        who.status = status
        opened += who.open
        stays += status != "left"
        self.working += opened
        if superior is not None:
            superior.busy += opened
            superior.present += stays
        if status == "left" and self._tasks.get(same_words(who.order.task)) == who.name:
            del self._tasks[same_words(who.order.task)]

    # ---- what may be asked

    def of_scope(self, scope: str) -> Employee | None:
        """Whose scope this is, or is below; None if nobody's."""
        while scope:
            found = self.by_scope.get(scope)
            if found is not None:
                return found
            scope = scope.rpartition("/")[0]
        return None

    def subordinates(self, who: Employee) -> list[Employee]:
        """Those whom `who` hired and who have not left."""
        found = (self.employees[name] for name in who.subordinates)
        return [one for one in found if one.status != "left"]

    def colleagues(self, who: Employee) -> list[Employee]:
        """The others of the same superior who have not left."""
        superior = self.employees.get(who.by)
        return [] if superior is None else [one for one in self.subordinates(superior) if one is not who]

    def below(self, who: Employee) -> list[Employee]:
        """Everybody under `who`, nearest first."""
        found, level = list[Employee](), [who]
        while level:
            level = [self.employees[name] for one in level for name in one.subordinates]
            found += level
        return found

    def waiting_hires(self, who: Employee) -> list[HireQueued]:
        """The hires of `who` that wait for room."""
        return [one for one in self.queue.values() if one.by == who.name]

    def holder(self, task: str) -> Employee | None:
        """Who already has this task, word for word; None if nobody has."""
        name = self._tasks.get(same_words(task))
        if name is not None:
            return self.employees[name]
        return None

    def queued_by(self, task: str) -> HireQueued | None:
        """The queued hire that already has this task."""
        wanted = same_words(task)
        return next((one for one in self.queue.values() if same_words(one.order.task) == wanted), None)

    def free_name(self, wanted: str) -> str:
        """`wanted`, made fit for a scope and a branch, and different from every other name."""
        taken = {one.order.name for one in self.queue.values()}
        fit = _UNFIT.sub("-", wanted.strip()).strip("-.")[:LONGEST_NAME] or "agent"
        name, number = fit, 1
        while name in self.employees or name in taken or name.lower() in RESERVED:
            number += 1
            name = f"{fit}-{number}"
        return name


def same_words(task: str) -> str:
    """`task` without case, spacing and punctuation between words: two tasks that are equal in this are one task."""
    return " ".join(word.strip(".:-") for word in _WORDS.findall(task.casefold()))
