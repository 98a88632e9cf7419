"""Groups from our own journal and from its exported runs: attempts as they were, verdicts from `parcae outcome`.

A run whose attempts were swapped, or started on a stronger model, is left out: its verdict is on what came after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from parcae.core.events import (
    AttemptEnded,
    AttemptStarted,
    OutcomeGiven,
    RunStarted,
    StepCompleted,
    StepObserved,
    StepReplied,
)
from parcae.core.protocols import Event
from parcae.core.trajectory import Trajectory
from parcae.graphs.tally import facts_of
from parcae.graphs.turns import Turn, turn_of
from parcae.prediction.prefixes import Group, Setup
from parcae.store.replay import replayed

KINDS: tuple[type[Event], ...] = (
    RunStarted, OutcomeGiven, AttemptStarted, StepReplied, StepObserved, StepCompleted, AttemptEnded,
)  # fmt: skip


def groups_from(events: Iterable[Event], *, agent: str | None = None) -> list[Group]:
    """One group a run (of `agent`, if given) that was not swapped; its verdict is the last that was given.

    A run is what `RunStarted` began, wherever it lies: a gateway's runs lie below those of its keys. Where verdicts
    are on single attempts, each of these is a group of its own; the second one at a task is extra.
    """
    runs: dict[str, list[Event]] = {}
    for event in events:
        if isinstance(event, RunStarted):
            runs.setdefault(event.scope, [])
        own = next((scope for scope in _above(event.scope) if scope in runs), None)
        if own is not None:
            runs[own].append(event)
    return [group for own in runs.values() for group in _groups(own, agent)]


def _above(scope: str) -> Iterator[str]:
    """The scope and all that it lies in."""
    while scope:
        yield scope
        scope = scope.rpartition("/")[0]


def _groups(events: Sequence[Event], agent: str | None) -> Iterator[Group]:
    started = next(event for event in events if isinstance(event, RunStarted))
    if agent is not None and started.task.kind != agent:
        return
    judged = dict.fromkeys(
        event.scope for event in events if isinstance(event, OutcomeGiven) and event.scope != started.scope
    )
    if not judged:
        yield from _group(started, events)
    seen: set[Setup] = set()
    for scope in judged:
        for group in _group(started, [event for event in events if event.scope == scope]):
            yield replace(group, extra=group.setup in seen)
            seen.add(group.setup)


def _group(started: RunStarted, events: Sequence[Event]) -> Iterator[Group]:
    begun = [event for event in events if isinstance(event, AttemptStarted)]
    if not begun or any(event.rung > 0 or event.forked_from is not None for event in begun):
        return
    depth = started.scope.count("/") + 1
    scopes = sorted({event.scope for event in begun if event.scope.count("/") == depth}, key=_number)
    attempts = [replayed([event for event in events if event.scope == scope], started.task.id) for scope in scopes]
    verdicts = [event.success for event in events if isinstance(event, OutcomeGiven)]
    models = sorted({event.model for event in begun})
    yield Group(
        task_id=started.task.id,
        setup=Setup(model=" and ".join(models)),
        attempts=tuple(_turns(one) for one in attempts),
        failed=not verdicts[-1] if verdicts else None,
        facts=facts_of(started.task),
    )


def _turns(trajectory: Trajectory) -> tuple[Turn, ...]:
    """The complete steps; an attempt that was ended from outside ends with a turn of its own, without an answer."""
    turns = tuple(turn_of(step) for step in trajectory.steps if not step.missing())
    ended_outside = trajectory.ending is not None and (not turns or turns[-1].answer is None)
    return (*turns, Turn(answer=())) if ended_outside else turns


def _number(scope: str) -> tuple[str, int]:
    head, _, number = scope.rpartition("-")
    return head, int(number) if number.isdigit() else 0
