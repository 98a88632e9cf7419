"""Groups from our own journal and from its exported runs: attempts as they were, verdicts from `parcae outcome`.

A run whose attempts were swapped, or started on a stronger model, is left out: its verdict is on what came after. Of an
organisation (`parcae run --learn`) each judged turn is a group, of kind "turn": its attempts, or the turn itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from parcae.core.errors import CallerMistake
from parcae.core.events import (
    AttemptEnded,
    AttemptEquipped,
    AttemptStarted,
    Decided,
    OutcomeGiven,
    RunStarted,
    StepCompleted,
    StepObserved,
    StepReplied,
)
from parcae.core.plan import parse
from parcae.core.protocols import Event
from parcae.core.trajectory import Trajectory
from parcae.graphs.tally import TaskFacts, facts_of
from parcae.graphs.turns import Turn, turn_of
from parcae.prediction.prefixes import AND, Group, Setup
from parcae.store.replay import replayed

TURN = "turn"
KINDS: tuple[type[Event], ...] = (
    RunStarted, OutcomeGiven, AttemptStarted, AttemptEquipped, StepReplied, StepObserved, StepCompleted, AttemptEnded,
    Decided,
)  # fmt: skip


def groups_from(events: Iterable[Event], *, agent: str | None = None) -> list[Group]:
    """One group a run (of `agent`, if given) that was not swapped; its verdict is the last that was given.

    A run is what `RunStarted` began, wherever it lies: a gateway's runs lie below those of its keys. Where verdicts
    are on single attempts, each of these is a group of its own. Of one task and set-up the first group with a verdict
    is the one that may be tested, and later ones are extra: a test was run again, or several attempts were judged.
    """
    return first_of_each(group for own in runs_in(events) for group in _groups(own, agent))


def runs_in(events: Iterable[Event]) -> list[list[Event]]:
    """The events of each run, its beginning first."""
    runs: dict[str, list[Event]] = {}
    for event in events:
        if isinstance(event, RunStarted):
            runs.setdefault(event.scope, [])
        own = next((scope for scope in _above(event.scope) if scope in runs), None)
        if own is not None:
            runs[own].append(event)
    return list(runs.values())


def first_of_each(groups: Iterable[Group]) -> list[Group]:
    """Of one task and set-up the first group with a verdict may be tested; later ones are extra."""
    seen: set[tuple[str, Setup]] = set()
    found = []
    for group in groups:
        found.append(replace(group, extra=(group.task_id, group.setup) in seen))
        if group.failed is not None:
            seen.add((group.task_id, group.setup))
    return found


def kinds_in(events: Iterable[Event]) -> tuple[str, ...]:
    """The kinds of task that runs were begun for, by name."""
    return tuple(sorted({event.task.kind for event in events if isinstance(event, RunStarted)}))


def _above(scope: str) -> Iterator[str]:
    """The scope and all that it lies in."""
    while scope:
        yield scope
        scope = scope.rpartition("/")[0]


def _groups(events: Sequence[Event], agent: str | None) -> Iterator[Group]:
    started = next(event for event in events if isinstance(event, RunStarted))
    turns = agent == TURN
    if agent is not None and started.task.kind != agent and not turns:
        return
    judged = dict.fromkeys(
        event.scope
        for event in events
        if isinstance(event, OutcomeGiven) and event.scope != started.scope and _is_turn(event.scope) == turns
    )
    if not judged and not turns:
        for group in _group(started, events):
            yield replace(group, planned=planned_in(started))
    for scope in judged:
        own = [event for event in events if event.scope == scope or event.scope.startswith(f"{scope}/")]
        yield from _turn(scope, own) if turns else _group(started, own)


def planned_in(started: RunStarted) -> int | None:
    """How many attempts the run's plan begins with, which it need not have made; None: it keeps no plan."""
    try:
        return parse(tomllib.loads(started.options["plan"]), possible=False).default.planned
    except (KeyError, tomllib.TOMLDecodeError, CallerMistake):
        return None


def _is_turn(scope: str) -> bool:
    return scope.rpartition("/")[2].startswith("turn-")


def _turn(scope: str, events: Sequence[Event]) -> Iterator[Group]:
    """The attempts at one turn of an employee; its turns are attempts at one task, its own."""
    inner = [event for event in events if event.scope.startswith(f"{scope}/attempt-")]
    begun = [event for event in inner or events if isinstance(event, AttemptStarted)]
    if not begun or any(event.rung > 0 or event.forked_from is not None for event in begun):
        return
    employee = scope.rpartition("/")[0]
    yield _grouped(employee, sorted({event.scope for event in begun}, key=_number), begun, events, TaskFacts())


def _group(started: RunStarted, events: Sequence[Event]) -> Iterator[Group]:
    begun = [event for event in events if isinstance(event, AttemptStarted)]
    if not begun or any(event.rung > 0 or event.forked_from is not None for event in begun):
        return
    depth = started.scope.count("/") + 1
    scopes = sorted({event.scope for event in begun if event.scope.count("/") == depth}, key=_number)
    yield _grouped(started.task.id, scopes, begun, events, facts_of(started.task))


def _grouped(
    task: str, scopes: Sequence[str], begun: Sequence[AttemptStarted], events: Sequence[Event], facts: TaskFacts
) -> Group:
    attempts = [replayed([event for event in events if event.scope == scope], task) for scope in scopes]
    verdicts = [event.success for event in events if isinstance(event, OutcomeGiven)]
    return Group(
        task_id=task,
        setup=setup_in(events, begun),
        attempts=tuple(turns_of(one) for one in attempts),
        failed=not verdicts[-1] if verdicts else None,
        facts=facts,
    )


def setup_in(events: Sequence[Event], begun: Sequence[AttemptStarted]) -> Setup:
    """What the attempts that were `begun` ran on; of tools and prompts what `events` tell of their scopes."""
    scopes = {event.scope for event in begun}
    equipped = [event for event in events if isinstance(event, AttemptEquipped) and event.scope in scopes]
    return Setup(
        model=AND.join(sorted({event.model for event in begun})),
        tools=tuple(sorted({tool for event in equipped for tool in event.tools})),
        prompt=AND.join(sorted({event.prompt for event in equipped} - {""})),
    )


def turns_of(trajectory: Trajectory) -> tuple[Turn, ...]:
    """The complete steps; an attempt that was ended from outside ends with a turn of its own, without an answer."""
    turns = tuple(turn_of(step) for step in trajectory.steps if not step.missing())
    ended_outside = trajectory.ending is not None and (not turns or turns[-1].answer is None)
    return (*turns, Turn(answer=())) if ended_outside else turns


def _number(scope: str) -> tuple[str, int]:
    head, _, number = scope.rpartition("-")
    return head, int(number) if number.isdigit() else 0
