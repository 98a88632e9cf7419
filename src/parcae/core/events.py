"""The journal's vocabulary for runs, attempts and steps. Packages above add their own events beside their code.

Each `kind` ends in its version. `store` writes and reads them; `docs/journal.md` lists them for strangers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from parcae.core.task import Candidate, Task
from parcae.core.trajectory import Ending, Observation
from parcae.core.usage import Amount, Limits, Usage

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A command began a run. `options` is what is needed to resume it: the command's own flags, as text."""

    kind: ClassVar[str] = "run.started/1"
    scope: str
    command: str
    task: Task
    seed: int
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """A run is over. `status` is "done", "no_answer", "limit", "failed" or "cancelled"."""

    kind: ClassVar[str] = "run.ended/1"
    scope: str
    status: str
    candidates: tuple[Candidate, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDeleted:
    """A run's `events` were deleted. Stands after all of them, so that places in the journal never run backwards."""

    kind: ClassVar[str] = "run.deleted/1"
    scope: str
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """An attempt begins, or goes on with another model (`after_steps` > 0). `rung` counts the ladder from 0."""

    kind: ClassVar[str] = "attempt.started/1"
    scope: str
    model: str
    rung: int = 0
    after_steps: int = 0
    forked_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEquipped:
    """What an attempt's model is given beside its task; stands with the first reply.

    `tools`: the names that it is offered, sorted. `prompt`: the version of what it is told; "" is unknown.
    """

    kind: ClassVar[str] = "attempt.equipped/1"
    scope: str
    tools: tuple[str, ...] = ()
    prompt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReplied:
    """The first durable part of a step: the reply. Appended together with its settlement, before any tool runs."""

    kind: ClassVar[str] = "step.replied/1"
    scope: str
    step: int
    model: str
    reply: ModelResponse
    asked: str | None = None
    usage: Usage = Usage()
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepObserved:
    """One tool call of a step is done."""

    kind: ClassVar[str] = "step.observed/1"
    scope: str
    step: int
    observation: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCompleted:
    """The step is complete: appended with its last observation. A composite's step has only this part and `note`."""

    kind: ClassVar[str] = "step.completed/1"
    scope: str
    step: int
    model: str
    commit: str | None = None
    ending: Ending | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxQueued:
    """An outside call of a contested attempt waits (contract 5). `arguments` is JSON text."""

    kind: ClassVar[str] = "outbox.queued/1"
    scope: str
    step: int
    call_id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxReleased:
    """A waiting call of the winner was made, once."""

    kind: ClassVar[str] = "outbox.released/1"
    scope: str
    step: int
    call_id: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    """An outside call is about to be sent; if the process dies now, nobody knows whether it was (contract 4)."""

    kind: ClassVar[str] = "call.started/1"
    scope: str
    step: int
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """An attempt ended outside a step: it was cancelled, stopped by a policy, or failed."""

    kind: ClassVar[str] = "attempt.ended/1"
    scope: str
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasted:
    """What was forecast when a group was looked at. `looked_at` holds the steps of each attempt at that moment.

    `p_fail_after`: how likely failure was if the next model took over; None: nobody said.
    """

    kind: ClassVar[str] = "group.forecasted/1"
    scope: str
    p_fail: float
    trust: float
    reasons: tuple[str, ...] = ()
    looked_at: tuple[int, ...] = ()
    p_fail_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a policy decided about a group of attempts, in the order in which it counted.

    `origins`: the last so many of `attempts` are new forks; each shares the steps, up to `looked_at`, of its origin.
    """

    kind: ClassVar[str] = "group.decided/1"
    scope: str
    action: str
    rung: int = 0
    attempts: tuple[int, ...] = ()
    why: str = ""
    looked_at: tuple[int, ...] = ()
    keep_open: bool = False
    origins: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowned:
    """Which attempt of a group won, with what: chosen once, before its files and calls are made the group's."""

    kind: ClassVar[str] = "group.crowned/1"
    scope: str
    attempt: int
    answer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened:
    """An account with limits of its own was opened."""

    kind: ClassVar[str] = "account.opened/1"
    scope: str
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Money was set aside: for one call, or (`block`) for several to come. It counts as spent until settled."""

    kind: ClassVar[str] = "money.reserved/1"
    scope: str
    reservation: str
    worst: Amount
    model: str = ""
    block: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A reservation ended. `known` False: the outcome is unknown and the worst case counts as spent.

    `block` names the block that it was drawn from; `closes`: what was left of that block is free again; `freed`: so
    much of it is, although calls that were drawn from it are under way. `incident` says what was wrong with the
    report: more was spent than reserved, and the model gets no further limited calls.
    """

    kind: ClassVar[str] = "money.settled/1"
    scope: str
    reservation: str
    actual: Amount
    model: str = ""
    known: bool = True
    block: str | None = None
    closes: bool = False
    freed: Amount = Amount()
    incident: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that should not happen and was dealt with: `cure` says how."""

    kind: ClassVar[str] = "incident/1"
    scope: str
    what: str
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeGiven:
    """Somebody who knows said whether the run's answer was right."""

    kind: ClassVar[str] = "outcome.given/1"
    scope: str
    success: bool
    source: str = "user"
