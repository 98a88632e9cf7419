"""An organisation as a Worker: it hires a boss for the goal, lets everybody work, and ends with the boss's result.

Its own steps are few: it opens, it winds up, it ends. What its employees did lies in the journal under its scope, and
everything that it knows is rebuilt from there (contract 6). Knows nothing of what the goal is about.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from parcae.core.protocols import Model
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.organization.limits import USUAL, CompanyLimits
from parcae.organization.office import reopened
from parcae.organization.running import Running
from parcae.organization.staff import Staffing
from parcae.organization.turns import Recall, remembers_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """`staffing` says how everybody works, `limits` how large and how long. `checks`: what the boss's result must pass.

    `listen`: look in the journal for what a person does from another process.
    """

    staffing: Staffing
    limits: CompanyLimits = USUAL
    checks: tuple[str, ...] = ()
    recall: Recall = remembers_nothing
    listen: bool = False

    async def attempt(
        self, task: Task, *, model: Model, so_far: Sequence[Step] = (), scope: Scope
    ) -> AsyncIterator[Step]:
        """Yield a Step for each decision of the company as a whole; the last carries the boss's result.

        Raises:
            StoreFailed: the journal or the files cannot be written.
            CallerMistake: a model cannot be used here.
        """
        office = await reopened(scope, self.limits)
        running = Running(self, office, task, model, so_far)
        try:
            while running.ending is None:
                yield await running.next_decision()
        finally:
            await asyncio.shield(running.close())
