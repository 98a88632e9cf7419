"""A group as its journal tells it: after a crash, and when a group is resumed on another model (contract 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from parcae.core.events import Crowned, Decided
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.sampling.attempts import Attempt, fork_into
from parcae.store.replay import rebuild


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The attempts, how many steps each had at the last decision, and that decision, which may not be done yet.

    `crowned`: who was chosen as the winner, if anybody was.
    """

    attempts: list[Attempt]
    looked_at: tuple[int, ...]
    decisions: int
    last: Decided | None
    crowned: Crowned | None = None


def member_scope(scope: Scope, number: int, *, apart: bool, shared: bool) -> Scope:
    """Where attempt `number`, counted from 0, happens. `apart`: what it does outside waits (contract 5).

    `shared`: it works in the group's own files instead of in a branch of its own.
    """
    child = scope.child(f"attempt-{number + 1}")
    return replace(child, contested=scope.contested or apart, workspace=scope.workspace if shared else child.workspace)


def forks_of(decided: Decided) -> tuple[tuple[int, int], ...]:
    """(new attempt, the attempt that it is a fork of) for each fork that was decided."""
    return tuple(zip(decided.attempts[len(decided.attempts) - len(decided.origins) :], decided.origins, strict=True))


def looks_after(decided: Decided, count: int) -> tuple[int, ...]:
    """How many steps each of `count` attempts has made where the next look is counted from; a fork, its origin's."""
    looked = [*decided.looked_at, *([0] * (count - len(decided.looked_at)))]
    for number, origin in forks_of(decided):
        looked[number] = looked[origin]
    return tuple(looked)


async def restore(
    scope: Scope, task: Task, *, planned: int, start_rung: int, apart: bool, shared: bool = False
) -> Restored:
    """Read what is there of `planned` attempts (and of those that decisions added); begin the rest afresh."""
    decided = [one.event for one in await scope.journal.read(scope.id, [Decided], below=False)]
    count = max([planned, *(number + 1 for one in decided for number in one.attempts)])
    attempts = []
    for number in range(count):
        child = member_scope(scope, number, apart=apart, shared=shared)
        trajectory = await rebuild(scope.journal, child.id, task.id)
        if trajectory.ending is not None and trajectory.ending.reason == "cancelled":
            trajectory = replace(trajectory, ending=None)  # an interrupted attempt goes on
        attempts.append(Attempt(scope=child, trajectory=trajectory, rung=start_rung))
    for decision in decided:
        for number in decision.attempts:
            attempts[number].rung = max(decision.rung, start_rung)
        for number, origin in forks_of(decision):
            if not attempts[number].started:  # it was decided, but the fork had not begun
                fork_into(attempts[number], attempts[origin], decision.looked_at[origin])
    last = decided[-1] if decided else None
    looked_at = looks_after(last, count) if last is not None else (0,) * count
    crowned = [one.event for one in await scope.journal.read(scope.id, [Crowned], below=False)]
    return Restored(
        attempts=attempts,
        looked_at=looked_at,
        decisions=len(decided),
        last=last,
        crowned=crowned[-1] if crowned else None,
    )
