"""Bugs in a project of one's own: a fault is kept if a test of its green suite notices it.

The suite runs once to learn which test executes what; then each fault runs only the file of a test that executes it.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from parcae.benchmarks.bug import REPO, Bug, write_bug
from parcae.benchmarks.mutate import Mutation, compiles, mutations
from parcae.core.errors import CallerMistake
from parcae.core.scope import derive_seed
from parcae.tools.functions_in_source import Definition, definitions
from parcae.tools.project_copy import copy_project
from parcae.tools.python_project import Suite, run_suite
from parcae.tools.sandbox import Sandbox

TRIES_A_BUG = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """A fault, and the tests that execute its line."""

    file: str
    mutation: Mutation
    culprit: str
    tests: tuple[str, ...]


async def project_bugs(
    project: Path, count: int, seed: int, out: Path, *, sandbox: Sandbox, python: Path | None = None
) -> AsyncIterator[Bug]:
    """Build `count` bugs from `project` below `out` and yield each as it is done; no function is broken twice.

    Raises:
        CallerMistake: the suite is not green, executes nothing, or notices too few faults.
    """
    suite = await run_suite(project, sandbox=sandbox, python=python)
    if suite.failed:
        raise CallerMistake(
            f"{suite.failed[0]} fails in {project}", "bugs are built from a project whose suite is green"
        )
    rng = random.Random(derive_seed(seed, "project"))
    faults = await asyncio.to_thread(_faults, suite)
    rng.shuffle(faults)
    used: set[str] = set()
    kept = 0
    for fault in faults[: TRIES_A_BUG * count]:
        if fault.culprit in used:
            continue
        bug = await _try(fault, project, out / f"bug-{kept + 1:04}", rng, sandbox, python)
        if bug is not None:
            used.add(fault.culprit)
            kept += 1
            yield bug
        if kept >= count:
            return
    raise CallerMistake(f"only {kept} faults were noticed by the suite of {project}", "ask for fewer bugs")


def _faults(suite: Suite) -> list[_Fault]:
    found = []
    for file, by_test in suite.lines.items():
        source = (suite.repo / file).read_text(encoding="utf-8", errors="replace")
        functions = definitions(source)
        for mutation in mutations(source, frozenset().union(*by_test.values())):
            owner = next((one for one in functions if mutation.line in one.own_lines), None)
            tests = tuple(test for test, lines in by_test.items() if test and mutation.line in lines)
            if owner is not None and tests:
                culprit = f"{suite.modules[file]}.{owner.qualname}"
                found.append(_Fault(file=file, mutation=mutation, culprit=culprit, tests=tests))
    return found


async def _try(
    fault: _Fault, project: Path, folder: Path, rng: random.Random, sandbox: Sandbox, python: Path | None
) -> Bug | None:
    """The bug that `fault` makes, written down; None if its tests do not notice it."""
    with tempfile.TemporaryDirectory(prefix="parcae-bug-") as scratch:
        repo = Path(scratch) / REPO
        await asyncio.to_thread(copy_project, project, repo)
        source = (repo / fault.file).read_text(encoding="utf-8", errors="replace")
        broken = fault.mutation.apply(source)
        if not compiles(broken):
            return None
        (repo / fault.file).write_text(broken, encoding="utf-8")
        tests = rng.choice(fault.tests).partition("::")[0]
        suite = await run_suite(repo, tests, sandbox=sandbox, python=python)
        failed = [test for test in suite.failed if test in fault.tests]
        if not failed:
            return None
        test = rng.choice(failed)
        await asyncio.to_thread(folder.mkdir, parents=True)
        await asyncio.to_thread(copy_project, repo, folder / REPO)
        bug = _bug(fault, source, suite, test, folder, project)
        write_bug(bug, folder)
        return bug


def _bug(fault: _Fault, source: str, suite: Suite, test: str, folder: Path, project: Path) -> Bug:
    executed = [
        (file, function)
        for file, by_test in suite.lines.items()
        for function in _executed(suite.repo / file, by_test.get(test, frozenset()))
    ]
    mutation, name = fault.mutation, fault.culprit.rpartition(".")[2]
    return Bug(
        name=folder.name,
        culprit=fault.culprit,
        file=fault.file,
        line=mutation.line,
        test=test,
        operator=mutation.operator,
        before=source[mutation.start : mutation.end],
        after=mutation.text,
        covered_functions=len(executed),
        covered_modules=len({file for file, _ in executed}),
        direct=f"{name}(" in suite.sources.get(test, ""),
        source=f"project: {project.name}",
    )


def _executed(file: Path, lines: frozenset[int]) -> list[Definition]:
    found = definitions(file.read_text(encoding="utf-8", errors="replace"))
    return [one for one in found if one.own_lines & lines]
