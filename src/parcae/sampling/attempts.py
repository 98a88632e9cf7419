"""R attempts at one task, each of which can pause after any step, go on with another model, or be stopped.

Knows nothing of why they pause: whoever holds them says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from parcae.core.errors import LimitReached, OutsideFailed
from parcae.core.events import AttemptEnded, AttemptStarted
from parcae.core.protocols import Model, Worker
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Ending, Step, Trajectory

log = logging.getLogger(__name__)

OnStep = Callable[[int, Step], None]


@dataclass(slots=True)
class Attempt:
    """One attempt: where it stands, on which rung, and its iterator while it is live.

    `forked_from`: the scope of the attempt that it is a fork of, until it has begun.
    """

    scope: Scope
    trajectory: Trajectory
    rung: int = 0
    forked_from: str | None = None
    steps: AsyncIterator[Step] | None = field(default=None, repr=False)

    @property
    def ended(self) -> bool:
        """Whether it will make no more steps."""
        return self.trajectory.ending is not None

    @property
    def started(self) -> bool:
        """Whether it made a step."""
        return bool(self.trajectory.steps)

    def waits_at(self, pause: int | None) -> bool:
        """Whether it has nothing to do before a decision."""
        return self.ended or (pause is not None and _complete(self.trajectory) >= pause)


def _complete(trajectory: Trajectory) -> int:
    """How many steps are complete; a step that a crash left open is not."""
    steps = trajectory.steps
    return len(steps) - bool(steps and steps[-1].missing())


async def advance(
    attempts: Sequence[Attempt],
    pauses: Sequence[int | None],
    *,
    task: Task,
    worker: Worker,
    models: Sequence[Model],
    on_step: OnStep,
) -> None:
    """Let every attempt run side by side until it ends or has made as many steps as `pauses` says.

    An attempt whose model's provider fails, or whose money ends, ends alone ("failed", "limit"); a mistake of the
    caller ends all.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for number, (attempt, pause) in enumerate(zip(attempts, pauses, strict=True)):
                if not attempt.waits_at(pause):
                    group.create_task(_run(number, attempt, pause, task, worker, models[attempt.rung], on_step))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


async def _run(
    number: int, attempt: Attempt, pause: int | None, task: Task, worker: Worker, model: Model, on_step: OnStep
) -> None:
    try:
        if attempt.steps is None:
            await _begin(attempt, task, worker, model)
        assert attempt.steps is not None
        while not attempt.waits_at(pause):
            step = await anext(attempt.steps, None)
            if step is None:
                break
            _take(attempt, step)
            on_step(number, step)
    except (OutsideFailed, LimitReached) as failure:
        log.warning("%s ended: %s", attempt.scope.id, failure)
        reason = "limit" if isinstance(failure, LimitReached) else "failed"
        await end(attempt, Ending(reason=reason, detail=str(failure)))  # type: ignore[arg-type]  # both are reasons


async def _begin(attempt: Attempt, task: Task, worker: Worker, model: Model) -> None:
    done = len(attempt.trajectory.steps)
    started = AttemptStarted(
        scope=attempt.scope.id,
        model=model.card.name,
        rung=attempt.rung,
        after_steps=_complete(attempt.trajectory),
        forked_from=attempt.forked_from,
    )
    await attempt.scope.journal.append([started])
    attempt.forked_from = None
    attempt.steps = worker.attempt(task, model=model, so_far=attempt.trajectory.steps[:done], scope=attempt.scope)


def _take(attempt: Attempt, step: Step) -> None:
    trajectory = attempt.trajectory
    complete = replace(trajectory, steps=trajectory.steps[: _complete(trajectory)], ending=None)
    attempt.trajectory = complete.extended(step)


def fork_into(child: Attempt, origin: Attempt, steps: int) -> None:
    """Let `child`, which has not begun, start from the first `steps` steps of `origin`, files included."""
    prefix = origin.trajectory.prefix(steps)
    commits = [step.commit for step in prefix.steps if step.commit is not None]
    if child.scope.workspace is not None and commits:
        child.scope.workspace.go_back(commits[-1])
    child.trajectory = replace(prefix, ending=None, shared=len(prefix.steps))
    child.forked_from = origin.scope.id


async def change_rung(attempt: Attempt, rung: int) -> None:
    """Take the attempt off its model; its next step is asked of the model at `rung`."""
    await _close(attempt)
    attempt.rung = rung


async def end(attempt: Attempt, ending: Ending) -> None:
    """End an attempt from outside, if it has not ended."""
    await _close(attempt)
    if not attempt.ended:
        await attempt.scope.journal.append([AttemptEnded(scope=attempt.scope.id, ending=ending)])
        attempt.trajectory = replace(attempt.trajectory, ending=ending)


async def close(attempts: Sequence[Attempt]) -> None:
    """Cancel what is live (contract 12)."""
    await asyncio.gather(*(_close(attempt) for attempt in attempts))


async def _close(attempt: Attempt) -> None:
    steps, attempt.steps = attempt.steps, None
    aclose = getattr(steps, "aclose", None)
    if aclose is not None:
        await aclose()
