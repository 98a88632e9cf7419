"""Runs a scripted company for the tests here, and says what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.organization.scripts import GOAL

from parcae.core.protocols import Clock, Journal, Model, Workspace
from parcae.core.trajectory import Ending
from parcae.organization.company import Company
from parcae.organization.events import Noticed
from parcae.organization.office import Office, reopened
from parcae.store.memory import MemoryJournal
from parcae.testing.workers import RUN, scope_in


@dataclass(frozen=True, kw_only=True)
class Outcome:
    ending: Ending
    office: Office
    noticed: Sequence[Noticed]
    journal: Journal
    spent_usd: float

    @property
    def cures(self) -> list[tuple[str, str, str]]:
        """Who, the detector, and the name of the cure."""
        return [(one.scope.rpartition("/")[2], one.detector, one.cure.partition(":")[0]) for one in self.noticed]

    def status(self, name: str) -> str:
        return self.office.chart.employees[name].status


async def outcome_of(
    worker: Company,
    model: Model,
    *,
    usd: float = 100.0,
    workspace: Workspace | None = None,
    journal: Journal | None = None,
    clock: Clock | None = None,
) -> Outcome:
    journal = journal or MemoryJournal()
    scope = replace(await scope_in(journal, usd=usd), workspace=workspace)
    scope = scope if clock is None else replace(scope, clock=clock)
    ending = None
    async for step in worker.attempt(GOAL, model=model, scope=scope):
        ending = step.ending
    assert ending is not None
    return Outcome(
        ending=ending,
        office=await reopened(scope, worker.limits),
        noticed=[one.event for one in await journal.read(RUN, [Noticed])],
        journal=journal,
        spent_usd=scope.account.spent.usd,
    )
