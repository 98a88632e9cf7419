"""One goal met by one arm: what it came to, what it cost. Knows nothing of tables."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from experiments.combined.arms import Arm
from experiments.combined.goals import Goal

from parcae.agents.files import file_tools
from parcae.agents.loop import Agent
from parcae.agents.role import Role
from parcae.cli.run_plan import employer
from parcae.core.clock import WallClock
from parcae.core.events import Decided, StepReplied
from parcae.core.protocols import Journal
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.usage import Limits
from parcae.jobs.world import World
from parcae.ledger.account import open_account
from parcae.organization import job
from parcae.organization.events import Hired, Noticed, Reviewed
from parcae.organization.job import SINGLE_SYSTEM, Outfit, RunOptions
from parcae.store.memory import MemoryJournal
from parcae.workspace import Opened, open_workspace

BUDGET_USD = 2.0
RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What one goal came to under one arm. `cost_usd` is nominal; `swaps` counts decisions that changed the model."""

    goal: str
    kind: str
    arm: str
    checked: bool
    cost_usd: float
    agents: int = 1
    swaps: int = 0
    sent_back: int = 0
    incidents: int = 0

    def document(self) -> dict[str, object]:
        """As plain JSON values."""
        return asdict(self)


async def meet(goal: Goal, arm: Arm, seed: int) -> Met:
    """Let `arm` try `goal` in a copy of its folder, and check what was made."""
    with tempfile.TemporaryDirectory(prefix="parcae-combined-") as name:
        folder = Path(name)
        work = folder / "work"
        shutil.copytree(goal.folder, work, ignore=shutil.ignore_patterns(".git", "__pycache__"))
        journal = MemoryJournal()
        opened = open_workspace(work, RUN, copies=folder / "copies", durable=False)
        if arm.plan is None:
            await _alone(goal, arm.single, opened, journal, seed)
        else:
            await _together(goal, arm, opened, work, folder, journal, seed)
        made = open_workspace(work, RUN, copies=folder / "copies", durable=False)
        return await _met(goal, arm, made, journal)


async def _alone(goal: Goal, model: str, opened: Opened, journal: Journal, seed: int) -> None:
    role = Role(
        name="single",
        system=SINGLE_SYSTEM,
        opening=lambda task, scope: task.question,
        tools=(*file_tools(), *goal.tools(opened.begun)),
        max_steps=60,
        max_tokens=4096,
        temperature=0.2,
    )
    scope = Scope(
        id=RUN,
        account=open_account(RUN, Limits(usd=BUDGET_USD), journal),
        journal=journal,
        clock=WallClock(),
        seed=seed,
        workspace=opened.main,
    )
    task = Task(id=RUN, kind="goal", question=goal.text, comparable=False)
    async for _ in Agent(role).attempt(task, model=goal.models()[model], scope=scope):
        pass


async def _together(
    goal: Goal, arm: Arm, opened: Opened, work: Path, folder: Path, journal: Journal, seed: int
) -> None:
    assert arm.plan is not None
    models = goal.models()
    world = World(journal=journal, clock=WallClock(), open_model=models.__getitem__)
    outfit = Outfit(
        copies=folder / "copies",
        employ=employer(folder / "home"),
        tools=goal.tools(opened.begun),
        command=goal.command,
    )
    options = RunOptions(goal=goal.text, workspace=work, plan=arm.plan, budget_usd=BUDGET_USD, seed=seed)
    await job.begin(options, world, outfit, run=RUN)
    await job.go_on(RUN, world, outfit)


async def _met(goal: Goal, arm: Arm, opened: Opened, journal: Journal) -> Met:
    replied = [one.event for one in await journal.read(RUN, [StepReplied])]
    decided = [one.event for one in await journal.read(RUN, [Decided])]
    reviews = [one.event for one in await journal.read(RUN, [Reviewed])]
    costs = [one.cost_usd for one in replied]
    return Met(
        goal=goal.name,
        kind=goal.kind,
        arm=arm.name,
        checked=await goal.reached(opened.main),
        cost_usd=sum(cost for cost in costs if cost is not None),
        agents=max(1, len(await journal.read(RUN, [Hired]))),
        swaps=sum(one.action in ("swap", "start") for one in decided),
        sent_back=sum(not one.accepted for one in reviews),
        incidents=len(await journal.read(RUN, [Noticed])),
    )
