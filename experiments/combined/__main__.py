"""python -m experiments.combined [--repairs 24] [--surveys 52] [--name combined] [--bugs FOLDER] [--json]

Goes on under its name where it was interrupted: what was met lies in out/combined/NAME.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from experiments.combined.arms import ARMS
from experiments.combined.figures import lines, table
from experiments.combined.goals import Goal, repair_goal, survey_goals
from experiments.combined.meeting import Met, meet

from parcae.benchmarks.bug import find_bugs
from parcae.benchmarks.library_bugs import library_bugs
from parcae.core.scope import derive_seed
from parcae.tools.sandbox import Sandbox, find_sandbox

OUT = Path("out/combined")
BUG_SEED, SURVEY_SEED = 77, 5


async def goals(repairs: int, surveys: int, bugs: Path, sandbox: Sandbox) -> AsyncIterator[Goal]:
    """The surveys, then the repairs; bugs are built if they are not there."""
    for goal in survey_goals(surveys, OUT / "packages", SURVEY_SEED) if surveys else ():
        yield goal
    if repairs and not _there(bugs):
        async for bug in library_bugs(repairs, BUG_SEED, bugs, sandbox=sandbox):
            print(f"built {bug.name}", file=sys.stderr)
    for folder in find_bugs(bugs)[:repairs] if repairs else ():
        yield await repair_goal(folder, sandbox)


async def met_under(name: str, repairs: int, surveys: int, bugs: Path) -> list[dict[str, Met]]:
    """Every goal by every arm; what is known under `name` is not done again."""
    results = list[dict[str, Met]]()
    known = _known(name)
    async for goal in goals(repairs, surveys, bugs, find_sandbox(False)):
        done = {one.arm: one for one in known if one.goal == goal.name}
        for arm in ARMS:
            if arm.name not in done:
                done[arm.name] = await meet(goal, arm, seed=derive_seed(0, goal.name))
                _keep(name, done[arm.name])
        said = ", ".join(f"{one.arm} {'yes' if one.checked else 'no'} ${one.cost_usd:.4f}" for one in done.values())
        print(f"{goal.name}: {said}", file=sys.stderr)
        results.append({arm.name: done[arm.name] for arm in ARMS})
    return results


def _there(folder: Path) -> bool:
    return folder.exists()


def _known(name: str) -> list[Met]:
    kept = OUT / f"{name}.jsonl"
    return [Met(**json.loads(line)) for line in kept.read_text().splitlines()] if kept.exists() else []


def _keep(name: str, met: Met) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with (OUT / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps(met.document()) + "\n")


def main() -> None:
    """Meet, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repairs", type=int, default=24)
    parser.add_argument("--surveys", type=int, default=52)
    parser.add_argument("--name", default="combined")
    parser.add_argument("--bugs", type=Path, default=OUT / "bugs", help="built by `parcae bugs build`; made if missing")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    figures = table(asyncio.run(met_under(flags.name, flags.repairs, flags.surveys, flags.bugs)))
    print(json.dumps(figures) if flags.json else "\n".join(lines(figures)))


if __name__ == "__main__":
    main()
