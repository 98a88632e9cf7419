"""`parcae bench repair`: held-back tests judge what the agent's tests cannot, and a bench that goes on pays nothing."""

from __future__ import annotations

import json
import shutil
import venv
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.conftest import ROOT, missing

from parcae.benchmarks.bug import Bug, write_bug
from parcae.benchmarks.repair_bugs import RepairBench, RepairJudged, repair_bugs, repair_table
from parcae.core.clock import WallClock
from parcae.core.events import Settled
from parcae.core.plan import StagePlan
from parcae.jobs.world import World
from parcae.models.builtin import builtin
from parcae.store.memory import MemoryJournal
from parcae.tools.sandbox import find_sandbox

SCHEMA = json.loads((ROOT / "docs/schemas/bench-repair-1.json").read_text())
CODE = "def older(age, limit):\n    return age < limit\n"
SEEN = """from people import older


def test_old():
    assert older(9, 3)


def test_young():
    assert not older(9, 9)
"""
CONFIRMS = SEEN + "\n\ndef test_hidden():\n    assert not older(1, 3)\n"
REFUTES = SEEN + "\n\ndef test_hidden():\n    assert older(1, 3)\n"


def bug_in(folder: Path, hidden: str) -> Path:
    for name, text in {
        "repo/people.py": CODE,
        "repo/tests/test_people.py": SEEN,
        "held_back/test_people.py": hidden,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    known = Bug(
        name=folder.name,
        culprit="people.older",
        file="people.py",
        line=2,
        test="tests/test_people.py::test_old",
        operator="comparison",
        before=">",
        after="<",
        covered_functions=1,
        covered_modules=1,
        direct=True,
        source="by hand",
        held_back="held_back/test_people.py",
    )
    write_bug(known, folder)
    return folder


async def test_held_back_tests_judge_patches_and_a_second_go_asks_nobody(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        missing("bubblewrap")
    venv.create(tmp_path / "bare", with_pip=False)
    bugs = [bug_in(tmp_path / "bug-1", CONFIRMS), bug_in(tmp_path / "bug-2", REFUTES)]
    bench = RepairBench(
        name="bench",
        stage=StagePlan(ladder=("builtin:large",)),
        seed=1,
        budget_usd=1.0,
        sandbox=find_sandbox(False),
        copies=tmp_path / "copies",
        python=tmp_path / "bare/bin/python",
    )
    world = World(journal=MemoryJournal(), clock=WallClock(), open_model=builtin)
    first = [one async for one in repair_bugs(bugs, bench, world)]
    calls = len(await world.journal.read("", [Settled]))
    assert [one["builtin:large"].same for one in first] == [True, False]
    assert [one async for one in repair_bugs(bugs, bench, world)] == first
    assert len(await world.journal.read("", [Settled])) == calls > 0


def test_the_table_pairs_arms_by_bug() -> None:
    def judged(plausible: bool, same: bool | None) -> RepairJudged:
        return RepairJudged(scope="x", plausible=plausible, same=same, cost_usd=0.5)

    table: Any = repair_table(
        [
            {"small": judged(False, None), "large": judged(True, True)},
            {"small": judged(True, True), "large": judged(True, False)},
        ],
        seed=1,
    )
    jsonschema.validate(json.loads(json.dumps(table)), SCHEMA)
    small, large = table["rows"]
    assert (small["plausible"]["mean"], large["plausible"]["mean"], large["same"]["mean"]) == (0.5, 1.0, 0.5)
    assert table["differences"]["large - small"]["mean"] == pytest.approx(0.5)
