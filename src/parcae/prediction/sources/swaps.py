"""Groups from runs in which another model took over: attempts as they were then, verdicts on what came after.

They teach what a swap brings (`prediction.gain`). Only the first takeover of a run counts: later ones depend on it.
Which names are right is not known of them, so heads over names have nothing to learn here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from parcae.core.events import AttemptStarted, Decided, OutcomeGiven, RunStarted, StepReplied
from parcae.core.protocols import Event
from parcae.graphs.tally import facts_of
from parcae.prediction.prefixes import Group
from parcae.prediction.sources.journal import first_of_each, planned_in, runs_in, setup_in, turns_of
from parcae.store.replay import replayed


def swapped_groups(events: Iterable[Event], *, agent: str | None = None) -> list[Group]:
    """One group a run of `agent` in which another model took over, or began afresh; attempts are cut at that moment.

    See `first_of_each` for a task that was run again.
    """
    found = [_group(own, agent) for own in runs_in(events)]
    return first_of_each(group for group in found if group is not None)


def _group(events: Sequence[Event], agent: str | None) -> Group | None:
    started = next(event for event in events if isinstance(event, RunStarted))
    took = next((one for one in events if isinstance(one, Decided) and one.scope == started.scope and one.rung), None)
    if took is None or not took.looked_at or agent not in (None, started.task.kind) or not _went_on(events):
        return None
    scopes = [f"{started.scope}/attempt-{number}" for number in range(1, len(took.looked_at) + 1)]
    below = [[event for event in events if event.scope == scope] for scope in scopes]
    begun = [event for own in below for event in own if isinstance(event, AttemptStarted) and not event.rung]
    over = next(event for event in events if isinstance(event, AttemptStarted) and event.rung)
    verdicts = [event.success for event in events if isinstance(event, OutcomeGiven) and event.scope == started.scope]
    return Group(
        task_id=started.task.id,
        setup=setup_in(events, begun),
        attempts=tuple(
            turns_of(replayed(own, started.task.id))[:steps] for own, steps in zip(below, took.looked_at, strict=True)
        ),
        failed=not verdicts[-1] if verdicts else None,
        right=frozenset(),
        facts=facts_of(started.task),
        planned=planned_in(started),
        taken_by=over.model,
    )


def _went_on(events: Sequence[Event]) -> bool:
    """Whether the model that took over made a step: a takeover that a limit or a kill cut off says nothing of it."""
    over: set[str] = set()
    for event in events:
        if isinstance(event, AttemptStarted) and event.rung:
            over.add(event.scope)
        elif isinstance(event, StepReplied) and event.scope in over:
            return True
    return False
