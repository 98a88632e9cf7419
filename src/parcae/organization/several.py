"""An employee with several attempts at a turn: each in a branch of its own, and the one that did best counts.

Says how well an attempt did, and does what the winner wanted of others. How many there are, on which models, and when
they are swapped is the plan's business: the Worker that is handed in knows it. Knows nothing of how it decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from parcae.core.protocols import Forecast, Forecaster, Tool, Watch
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Step, Trajectory
from parcae.organization.checks import Command, run_checks
from parcae.organization.detectors import Trouble, TurnWatch, waits
from parcae.organization.office import COMPANY, Office
from parcae.organization.results import HAND_IN
from parcae.sampling.group import Check, Release
from parcae.sampling.outbox import queued, release

ALL_PASS = 1.0
REFUSED = "refused: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What a Worker that makes several attempts at a turn needs of the organisation.

    `check` scores an attempt that ended: 1 if nothing can be better. `release` does what the winner wanted of others.
    Both are None for employees whose task has no checks: they make one attempt. `alarmed` makes a forecaster heed what
    the detectors see.
    """

    check: Check | None = None
    release: Release | None = None
    alarmed: Callable[[Forecaster], Forecaster]


def seams_of(office: Office, tools: Sequence[Tool], command: Command | None, *, several: bool) -> Seams:
    """The seams of `office`, whose employees have `tools`; `command` runs checks that are commands."""

    def alarmed(forecaster: Forecaster) -> Forecaster:
        return Alarmed(forecaster=forecaster, repeats=office.limits.repeats) if office.limits.monitors else forecaster

    if not several:
        return Seams(alarmed=alarmed)
    acts = _Acts(office=office, tools={tool.spec.name: tool for tool in tools}, command=command)
    return Seams(check=acts.check, release=acts.release, alarmed=alarmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Acts:
    office: Office
    tools: Mapping[str, Tool]
    command: Command | None

    async def check(self, attempt: Trajectory, scope: Scope) -> float:
        """The share of the task's checks that the attempt's files pass. One that waits for others has nothing to
        check yet: the first such counts.
        """
        who = self.office.chart.of_scope(scope.id)
        assert who is not None
        wanted = [call.tool for call in await queued(scope.journal, scope.id)]
        if HAND_IN not in wanted:
            return ALL_PASS if wanted or waits(self.office, who) else 0.0
        checked = await run_checks(who.order.checks, scope.workspace, self.command)
        return sum(one.passed for one in checked) / max(1, len(checked))

    async def release(self, winner: Scope) -> None:
        """Do what the winner wanted, its files being everybody's now; it is told what could not be done."""
        office, who = self.office, self.office.chart.of_scope(winner.id)
        assert who is not None
        done = await release(replace(winner, workspace=office.scope.workspace), self.tools)
        for one in done:
            if one.result.startswith(REFUSED) and who.status != "left":
                text = f"What you asked for in your last turn was {one.result}"
                key = f"{one.scope}/{one.step}/{one.call_id}/refused"
                await office.record(office.letter(key, COMPANY, who, "notice", text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarmed:
    """`forecaster`, which calls a group lost when every attempt under way is in trouble that a detector knows."""

    forecaster: Forecaster
    repeats: int

    def watch(self, task: Task, samples: int) -> AlarmedWatch:
        """Begin to follow `samples` attempts at `task`."""
        return AlarmedWatch(inner=self.forecaster.watch(task, samples), repeats=self.repeats)


@dataclass(slots=True, kw_only=True)
class AlarmedWatch:
    """`troubles` has an entry for each attempt under way: what is wrong with it, None if nothing is."""

    inner: Watch
    repeats: int
    turns: dict[int, TurnWatch] = field(default_factory=dict)
    troubles: dict[int, Trouble | None] = field(default_factory=dict)

    def add(self, attempt: int, step: Step) -> None:
        """Take in one more complete step of attempt number `attempt`."""
        self.inner.add(attempt, step)
        watch = self.turns.setdefault(attempt, TurnWatch(self.repeats))
        found = watch.take(step)
        if step.ending is not None:
            self.troubles.pop(attempt, None)
        else:
            self.troubles[attempt] = found or self.troubles.get(attempt)

    def forecast(self) -> Forecast:
        """The forecaster's, unless nobody under way is free of trouble."""
        found = [trouble for trouble in self.troubles.values() if trouble is not None]
        if found and len(found) == len(self.troubles):
            return Forecast(p_fail=1.0, reasons=tuple(dict.fromkeys(one.what for one in found)))
        return self.inner.forecast()
