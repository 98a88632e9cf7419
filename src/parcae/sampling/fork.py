"""Several futures from one past (contract 7). Knows nothing of what the attempts do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parcae.core.events import AttemptStarted
from parcae.core.protocols import Model
from parcae.core.scope import Scope
from parcae.core.trajectory import Step, Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """One future: resume with `so_far` (shared with its siblings, paid and counted once) in `scope`."""

    scope: Scope
    so_far: Sequence[Step]


async def fork(trajectory: Trajectory, at: int, n: int, *, model: Model, scope: Scope) -> tuple[Fork, ...]:
    """`n` children of the attempt in `scope` that go on from its first `at` steps, each with its own branch, seed
    and sub-account.

    Raises:
        ValueError: `at` is not in [0, number of steps], or the attempt had ended by then.
    """
    if not 0 <= at <= len(trajectory.steps):
        raise ValueError(f"cannot fork after {at} steps: the attempt has {len(trajectory.steps)}")
    prefix = trajectory.prefix(at)
    if prefix.ending is not None:
        raise ValueError(f"cannot fork after {at} steps: the attempt has ended there")
    children = tuple(scope.child(f"fork-{number}") for number in range(1, n + 1))
    commits = [step.commit for step in prefix.steps if step.commit is not None]
    for child in children:
        if child.workspace is not None and commits:
            child.workspace.go_back(commits[-1])
    await scope.journal.append(
        [
            AttemptStarted(scope=child.id, model=model.card.name, after_steps=at, forked_from=scope.id)
            for child in children
        ]
    )
    return tuple(Fork(scope=child, so_far=prefix.steps) for child in children)
