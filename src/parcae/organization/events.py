"""What an organisation writes into the journal: everything that it knows is rebuilt from these events alone.

`scope` is the employee's own (for a letter: the recipient's), so that the journal can be read by employee or whole.
`key` names an act: the same act recorded twice, after a crash or by a repeated call, has effect once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

LetterKind = Literal["task", "message", "report", "verdict", "notice", "answer", "human"]
ItemState = Literal["todo", "doing", "done", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a superior wants somebody hired for.

    `tier`: "cheap" starts at the bottom of the ladder of models, "strong" at its top. `share`: the part of what the
    superior may still spend that is set aside for the newcomer and all below; None draws on the common purse.
    `checks`: what a result must pass before anybody reviews it, see `checks`.
    """

    name: str
    role: str
    task: str
    why: str = ""
    tier: Literal["cheap", "strong"] = "cheap"
    share: float | None = None
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hired:
    """Somebody was hired by `by` ("" for the boss); a first letter with the task is in the same append, always."""

    kind: ClassVar[str] = "company.hired/1"
    scope: str
    key: str
    by: str
    order: Order
    allotted_usd: float | None = None
    replaces: str | None = None
    rung: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HireQueued:
    """A limit leaves no room now: the hire waits its turn. `scope` is the superior's."""

    kind: ClassVar[str] = "company.hire_queued/1"
    scope: str
    key: str
    by: str
    order: Order
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HireReturned:
    """A queued hire will not happen: its task went to `to`, by letter in the same append."""

    kind: ClassVar[str] = "company.hire_returned/1"
    scope: str
    key: str
    to: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A letter lies in the inbox of `to`. `sender` "" is the company itself, "human" a person."""

    kind: ClassVar[str] = "company.sent/1"
    scope: str
    key: str
    sender: str
    to: str
    what: LetterKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    """An employee took all `letters` that lay in its inbox and began to work on them. `question` is what it reads."""

    kind: ClassVar[str] = "company.turn_started/1"
    scope: str
    turn: int
    letters: tuple[str, ...]
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded:
    """A turn is over: `reason` is the attempt's own, or the name of the detector that broke it off."""

    kind: ClassVar[str] = "company.turn_ended/1"
    scope: str
    turn: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing on a checklist. `evidence`: a file of the workspace, or words."""

    text: str
    state: ItemState = "todo"
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An employee wrote its checklist anew."""

    kind: ClassVar[str] = "company.planned/1"
    scope: str
    key: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of one check that runs."""

    check: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """A result, with what its checks said. It counts when it has been accepted."""

    kind: ClassVar[str] = "company.handed_in/1"
    scope: str
    key: str
    summary: str
    files: tuple[str, ...] = ()
    checks: tuple[Checked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A verdict on the newest result of the employee in `scope`. `agreement`, `cost_usd`: of a panel of judges."""

    kind: ClassVar[str] = "company.reviewed/1"
    scope: str
    key: str
    by: str
    accepted: bool
    reasons: str = ""
    agreement: float | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Somebody is no longer with the company; what it did not spend went back to its superior."""

    kind: ClassVar[str] = "company.left/1"
    scope: str
    key: str
    by: str
    why: str
    spent_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """A detector saw something wrong, and what was done about it. `level` counts the ladder of cures from 0."""

    kind: ClassVar[str] = "company.noticed/1"
    scope: str
    detector: str
    what: str
    cure: str
    level: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """An employee goes on at `rung` of the ladder of models."""

    kind: ClassVar[str] = "company.promoted/1"
    scope: str
    rung: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindingUp:
    """Money or time is nearly at its end: finish, review, report; nobody is hired any more."""

    kind: ClassVar[str] = "company.winding_up/1"
    scope: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanAsked:
    """An employee has a question to a person; `tool` names the call that waits for approval, if it is one."""

    kind: ClassVar[str] = "company.human_asked/1"
    scope: str
    key: str
    question: str
    tool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controlled:
    """A person's hand, from this terminal or another process.

    "pause", "resume" and "cancel" are about the run; "message" writes to the employee `to`; "answer" answers the
    question `about` (an approval is answered with "yes" or "no").
    """

    kind: ClassVar[str] = "company.controlled/1"
    by_anybody: ClassVar[bool] = True
    scope: str
    key: str
    action: Literal["pause", "resume", "cancel", "message", "answer"]
    to: str = ""
    about: str = ""
    text: str = ""


KINDS = (
    Hired,
    HireQueued,
    HireReturned,
    Sent,
    TurnStarted,
    TurnEnded,
    Planned,
    HandedIn,
    Reviewed,
    Left,
    Noticed,
    Promoted,
    WindingUp,
    HumanAsked,
    Controlled,
)
