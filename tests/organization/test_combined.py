"""The combined experiment in short, seeded: two surveys and one repair by every arm, on models that need no key."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.combined.arms import ARMS
from experiments.combined.figures import lines, table
from experiments.combined.goals import repair_goal, survey_goals
from experiments.combined.meeting import Met, meet
from tests.conftest import ROOT

from parcae.benchmarks.bug import Bug, write_bug
from parcae.tools.sandbox import find_sandbox

FAULTY = """def total(prices):
    found = 0
    for price in prices:
        found -= price
    return found
"""
TESTS = """from prices import total


def test_the_total_of_two():
    assert total([1, 2]) == 3


def test_the_total_of_nothing():
    assert total([]) == 0
"""
SEED = 6
BY_NAME = {arm.name: arm for arm in ARMS}


async def by_every_arm(tmp_path: Path) -> list[dict[str, Met]]:
    found = []
    code = ROOT / "examples/ledgerbook/ledgerbook"  # it stays as it is, so the same notes are false whatever is changed
    for goal in survey_goals(2, tmp_path, seed=SEED, code=code):
        found.append({arm.name: await meet(goal, arm, seed=1) for arm in ARMS})
    return found


async def test_reviews_catch_what_a_cheap_reader_makes_up_and_a_lone_agent_does_not(tmp_path: Path) -> None:
    results = await by_every_arm(tmp_path)
    for met in results:
        assert all(met[name].checked for name in ("plain", "plan", "swap", "all"))
        assert met["all"].cost_usd < met["plain"].cost_usd / 2
    assert not all(met["single small"].checked for met in results)

    figures = table(results)
    json.dumps(figures)
    assert any("| all |" in line for line in lines(figures))


async def test_an_organisation_repairs_a_fault_with_the_tools_of_repair(tmp_path: Path) -> None:
    repo, test = tmp_path / "bug/repo", "tests/test_prices.py::test_the_total_of_two"
    (repo / "tests").mkdir(parents=True)
    (repo / "prices.py").write_text(FAULTY)
    (repo / "tests/test_prices.py").write_text(TESTS)
    facts = {"culprit": "", "file": "", "line": 0, "operator": "", "before": "", "after": "", "source": ""}
    bug = Bug(name="prices", test=test, covered_functions=0, covered_modules=0, direct=False, **facts)  # type: ignore[arg-type]  # texts, and a line
    write_bug(bug, tmp_path / "bug")

    met = await meet(await repair_goal(tmp_path / "bug", find_sandbox(True)), BY_NAME["all"], seed=1)

    assert met.checked
    assert met.agents == 2
