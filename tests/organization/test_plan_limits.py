"""What a plan allows a whole organisation to use."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from parcae.cli.session import opener
from parcae.cli.settings import settle
from parcae.core.clock import WallClock
from parcae.core.events import Settled
from parcae.core.plan import Plan, StagePlan
from parcae.core.usage import Limits
from parcae.jobs.world import World
from parcae.organization import job
from parcae.organization.job import Outfit, RunOptions
from parcae.store.memory import MemoryJournal


@pytest.mark.parametrize(
    ("limits", "budget_usd"),
    [(Limits(calls=5), 5.0), (Limits(tokens=20_000), 5.0), (Limits(usd=0.01), 5.0), (Limits(usd=5.0), 0.01)],
)
async def test_no_organisation_uses_more_than_its_plan_and_its_budget_allow(
    limits: Limits, budget_usd: float, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "mod.py").write_text("def f():\n    return 1\n")
    journal = MemoryJournal()
    world = World(journal=journal, clock=WallClock(), open_model=opener(settle({}, env={}, project=project)))
    plan = Plan(default=StagePlan(ladder=("builtin:large",)), limits=limits)
    options = RunOptions(
        goal="Survey this code base", workspace=project, plan=plan, budget_usd=budget_usd, commands=False
    )
    outfit = Outfit(copies=tmp_path / "copies")
    await job.begin(options, world, outfit, run="run-1")
    await job.go_on("run-1", world, outfit)
    settled = [asdict(one.event.actual) for one in await journal.read("run-1", [Settled])]
    allowed = limits.tightest(Limits(usd=budget_usd))
    for unit in ("usd", "tokens", "calls"):
        most = getattr(allowed, unit)
        assert most is None or sum(one[unit] for one in settled) <= most
