"""Two processes at one `parcae run`: the second is refused and changes nothing; when the first is gone it may go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from parcae.cli.session import opener
from parcae.cli.settings import settle
from parcae.core.clock import WallClock
from parcae.core.plan import Plan, StagePlan
from parcae.jobs.world import World
from parcae.organization import job
from parcae.organization.job import Outfit, RunOptions
from parcae.store.sqlite import SqliteJournal

RUN = "run-1"


def second_process(home: Path) -> tuple[int, dict]:
    command = [sys.executable, "-m", "parcae", "runs", "resume", RUN, "--home", str(home), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


async def test_a_second_process_is_refused_and_may_go_on_when_the_first_is_gone(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    (project / "mod.py").write_text("def f():\n    return 1\n")
    plan = Plan(default=StagePlan(ladder=("builtin:large",)))
    options = RunOptions(goal="Survey this code base", workspace=project, plan=plan, budget_usd=5.0)
    outfit = Outfit(copies=home / "workspaces")
    async with SqliteJournal.open(home / "journal.sqlite") as journal:
        world = World(journal=journal, clock=WallClock(), open_model=opener(settle({}, env={}, project=project)))
        await job.begin(replace(options, commands=False), world, outfit, run=RUN)
        before = await journal.rows(RUN)
        code, error = second_process(home)
        assert code == 6
        assert error["error"].startswith(f"another process is working on the run '{RUN}'")
        assert await journal.rows(RUN) == before
    code, report = second_process(home)
    assert (code, report["status"]) == (0, "done")
    assert {one["path"] for one in report["files"]} >= {"REPORT.md"}
