"""Goals whose results can be checked: repair a bug that was built, survey a small package whose reader may lie."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from experiments.combined.faults import Falsifying
from experiments.combined.quick_bed import QuickBed

from parcae.agents.fault_localization import opening
from parcae.agents.program_repair import repair_task, repairer
from parcae.agents.test_bed import EVERYTHING, TestBed
from parcae.benchmarks.bug import REPO, read_bug
from parcae.core.clock import WallClock
from parcae.core.protocols import Model, Tool, ToolRefused, Workspace
from parcae.core.scope import Scope
from parcae.ledger.account import free_account
from parcae.models.builtin import BuiltinModel
from parcae.models.builtin.survey_check import wrong_in
from parcae.organization.checks import Command
from parcae.store.memory import MemoryJournal
from parcae.tools.project_python import choose_python
from parcae.tools.python_project import cover
from parcae.tools.sandbox import Sandbox
from parcae.workspace import Branch

ROOT = Path(__file__).parents[2]
MODULES = 5
MOST_LINES = 120


class Goal(Protocol):
    """A goal in a folder, with what agents need for it and how its result is checked."""

    name: str
    kind: str
    folder: Path
    text: str

    @property
    def command(self) -> Command | None:
        """What runs checks that are commands."""

    def models(self) -> Mapping[str, Model]:
        """The models by name."""

    def tools(self, before: Workspace) -> tuple[Tool, ...]:
        """Tools beside those for files; `before` holds the files as they were."""

    async def reached(self, made: Branch) -> bool:
        """Whether the result holds."""


@dataclass(slots=True, kw_only=True)
class Repair:
    """Make the failing test of a built bug pass; the suite and tests that no agent saw must pass too."""

    name: str
    folder: Path
    text: str
    bed: TestBed
    covered: object
    held_back: Path | None
    kind: str = "repair"
    judged: dict[int, bool] = field(default_factory=dict)

    @property
    def command(self) -> Command | None:
        """A check runs the failing test, whatever its words are."""

        async def run(line: str, workspace: Workspace) -> tuple[int, str]:
            ran = await self.bed.run(workspace)
            return int(not ran.passed or bool(ran.failed) or ran.limit is not None), ran.output[-1000:]

        return run

    def models(self) -> Mapping[str, Model]:
        """The builtin models as they ship."""
        return {f"builtin:{size}": BuiltinModel(size) for size in ("small", "large")}

    def tools(self, before: Workspace) -> tuple[Tool, ...]:
        """What `parcae repair` gives its agents."""
        return repairer(self.covered, before, self.bed).tools  # type: ignore[arg-type]  # a Covered

    async def reached(self, made: Branch) -> bool:
        """The suite is green, and what no agent saw passes."""
        suite = await self.bed.run(made, EVERYTHING)
        if not suite.passed or suite.failed or suite.limit is not None:
            return False
        if self.held_back is None:
            return True
        key = hash(tuple((path, made.look(path).version) for path in made.paths()))
        if key not in self.judged:
            hidden = made.branch("judged")
            hidden.go_back(made.head)
            hidden.write(f"tests/{self.held_back.name}", self.held_back.read_bytes())
            hidden.commit("tests that no agent saw", author="judge")
            ran = await self.bed.run(hidden, f"tests/{self.held_back.name}")
            self.judged[key] = bool(ran.passed) and not ran.failed and ran.limit is None
        return self.judged[key]


async def repair_goal(folder: Path, sandbox: Sandbox) -> Repair:
    """The goal of the bug in `folder`; its failing test is run once, for all arms."""
    bug = read_bug(folder)
    repo = (folder / REPO).resolve()
    covered = await cover(repo, bug.test, sandbox=sandbox, timeout_seconds=300)
    bed = QuickBed(
        repo=repo, test=bug.test, sandbox=sandbox, python=choose_python(repo, None, os.environ),
    )  # fmt: skip
    nowhere = Scope(id="goal", account=free_account("goal"), journal=MemoryJournal(), clock=WallClock(), seed=0)
    return Repair(
        name=bug.name,
        folder=repo,
        text=f"Repair this project. {opening(covered, repair_task(covered), nowhere)}",
        bed=bed,
        covered=covered,
        held_back=(folder / bug.held_back) if bug.held_back else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Write a note on each module and a report; every note must be true."""

    name: str
    folder: Path
    kind: str = "survey"
    text: str = "Survey this code base"

    @property
    def command(self) -> Command | None:
        """No check of a survey is a command."""
        return None

    def models(self) -> Mapping[str, Model]:
        """The builtin models, some of whose notes are false."""
        return {f"builtin:{size}": Falsifying(size) for size in ("small", "large")}

    def tools(self, before: Workspace) -> tuple[Tool, ...]:
        """Files are enough."""
        return ()

    async def reached(self, made: Branch) -> bool:
        """There is a report, and every module has a note that is true."""
        return all(_true(made, path.name, path.read_text()) for path in self.folder.glob("*.py")) and _there(made)


def _true(made: Branch, module: str, source: str) -> bool:
    try:
        note = made.read(f"notes/note-{module.removesuffix('.py')}.json").decode()
    except ToolRefused:
        return False
    return wrong_in(note, source, module) == []


def _there(made: Branch) -> bool:
    return "REPORT.md" in made.paths()


def survey_goals(count: int, folder: Path, seed: int, code: Path = ROOT / "src/parcae") -> Sequence[Survey]:
    """`count` packages of a few modules each, drawn from `code`: Parcae's own, which changes with every commit."""
    rng = random.Random(seed)
    sources = [
        path
        for path in sorted(code.rglob("*.py"))
        if path.name != "__init__.py" and len(path.read_text().splitlines()) <= MOST_LINES
    ]
    goals = []
    for number in range(1, count + 1):
        package = folder / f"survey-{number:03}"
        chosen = rng.sample(sources, MODULES)
        if not package.exists():
            package.mkdir(parents=True)
            for place, source in enumerate(chosen):
                shutil.copyfile(source, package / f"m{place}_{source.name}")
        goals.append(Survey(name=package.name, folder=package))
    return goals
