"""What an attempt did, rebuilt from the journal: equal to what the attempt held when the last event was written.

Knows nothing of how attempts are made, only of the events that they leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from parcae.core.events import AttemptEnded, AttemptStarted, StepCompleted, StepObserved, StepReplied
from parcae.core.protocols import Event, Journal
from parcae.core.trajectory import Ending, Observation, Step, Trajectory

STEP_KINDS: tuple[type[Event], ...] = (AttemptStarted, StepReplied, StepObserved, StepCompleted, AttemptEnded)


async def rebuild(journal: Journal, scope_id: str, task_id: str) -> Trajectory:
    """The trajectory of the attempt in `scope_id`; its last step may be open. Empty if it never began.

    A fork begins with the steps of its origin, up to where it was forked. Steps that an attempt left behind, because
    it was resumed from an earlier one, are no part of it.
    """
    recorded = await journal.read(scope_id, STEP_KINDS, below=False)
    events = [entry.event for entry in recorded]
    origin: tuple[Step, ...] = ()
    for event in events:
        if isinstance(event, AttemptStarted) and event.forked_from is not None:
            origin = (await rebuild(journal, event.forked_from, task_id)).steps[: event.after_steps]
            break
    return replayed(events, task_id, origin)


def replayed(events: Sequence[Event], task_id: str, origin: Sequence[Step] = ()) -> Trajectory:
    """The trajectory that the events of one attempt make, after the steps of `origin`."""
    drafts = [_Draft(whole=step, replied=step, seen=list(step.observations)) for step in origin]
    replay = _Replay(steps=drafts, shared=len(drafts))
    for event in events:
        replay.take(event)
    return replay.trajectory(task_id)


async def members(journal: Journal, scope_id: str) -> tuple[str, ...]:
    """The ids of the attempts that were started directly under `scope_id`, in the order in which they first began."""
    started = await journal.read(scope_id, [AttemptStarted])
    depth = scope_id.count("/") + 1
    return tuple(dict.fromkeys(entry.event.scope for entry in started if entry.event.scope.count("/") == depth))


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A step under way; its observations stand in the order in which they arrived. `whole`: it is as it was before."""

    replied: StepReplied | Step | None = None
    completed: StepCompleted | None = None
    seen: list[Observation] = field(default_factory=list)
    whole: Step | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing of it is missing."""
        return self.whole is not None or self.completed is not None

    def done(self) -> Step:
        """The step, made once, with its observations in the order of its calls."""
        if self.whole is not None:
            return self.whole
        replied, completed = self.replied, self.completed
        commit, ending = (None, None) if completed is None else (completed.commit, completed.ending)
        if replied is None:  # a composite's, or the end for want of money
            assert completed is not None
            return Step(model=completed.model, asked=completed.note, commit=commit, ending=ending)
        return Step(
            model=replied.model,
            asked=replied.asked,
            reply=replied.reply,
            observations=self._observations(),
            usage=replied.usage,
            cost_usd=replied.cost_usd,
            commit=commit,
            ending=ending,
        )

    def _observations(self) -> tuple[Observation, ...]:
        reply = None if self.replied is None else self.replied.reply
        if len(self.seen) > 1 and reply is not None:
            order = {call.tool_call_id: place for place, call in enumerate(reply.tool_calls)}
            self.seen.sort(key=lambda one: order.get(one.call_id, len(order)))
        return tuple(self.seen)


@dataclass(slots=True, kw_only=True)
class _Replay:
    steps: list[_Draft] = field(default_factory=list)
    ending: Ending | None = None
    shared: int = 0

    def take(self, event: Event) -> None:
        """Take one event in; others than those of an attempt are passed over."""
        if isinstance(event, StepReplied):
            self._replied(event)
        elif isinstance(event, StepObserved):
            self.steps[event.step].seen.append(event.observation)
        elif isinstance(event, StepCompleted):
            self._completed(event)
        elif isinstance(event, AttemptStarted):
            self._go_back(event.after_steps)
        elif isinstance(event, AttemptEnded):
            self.ending = event.ending

    def _go_back(self, steps: int) -> None:
        """Resume after `steps` complete steps; an open one after them stays and will be completed."""
        keeps_open = len(self.steps) > steps and not self.steps[steps].complete
        del self.steps[steps + keeps_open :]
        self.ending = None

    def _replied(self, event: StepReplied) -> None:
        del self.steps[event.step :]
        self.ending = None
        self.steps.append(_Draft(replied=event))

    def _completed(self, event: StepCompleted) -> None:
        if event.step == len(self.steps):  # a step without a reply
            self.steps.append(_Draft())
        draft = self.steps[event.step]
        draft.completed, draft.whole = event, None
        self.ending = event.ending

    def trajectory(self, task_id: str) -> Trajectory:
        """What was replayed so far."""
        steps = tuple(draft.done() for draft in self.steps)
        return Trajectory(task_id=task_id, steps=steps, ending=self.ending, shared=min(self.shared, len(steps)))
