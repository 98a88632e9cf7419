"""What a failing pytest test executes in a Python project: the facts that fault localisation starts from.

The tests run in a copy of the project, in the sandbox, under the project's own Python. Knows nothing of agents.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from parcae.core.errors import CallerMistake
from parcae.tools.covered import Covered, Failure, Function, Hits, Spectrum
from parcae.tools.functions_in_source import Definition, definitions, is_test_file, module_name
from parcae.tools.project_copy import project_files
from parcae.tools.pytest_run import Report, run_pytest
from parcae.tools.pytest_trouble import check_failing
from parcae.tools.sandbox import Sandbox

__all__ = ["Covered", "Failure", "Function", "Spectrum", "Suite", "cover", "run_suite", "spectrum"]
_RAN = ("failed", "passed")


async def cover(
    repo: Path,
    test: str,
    *,
    python: Path | None = None,
    sandbox: Sandbox,
    timeout_seconds: float = 60.0,
    environ: Mapping[str, str] | None = None,
) -> Covered:
    """Run `test` (a node id, or a file or folder of which some tests fail) and see what it executes.

    Raises:
        CallerMistake: no such repository or test, it passes, it cannot be collected, it executes nothing of the
            project's own code.
        LimitReached: it hangs or takes too much memory.
        SandboxFailed: the sandbox broke.
    """
    repo = _repository(repo)
    report = await run_pytest(
        repo, test, python=python, sandbox=sandbox, timeout_seconds=timeout_seconds, environ=environ or os.environ
    )
    failures = check_failing(report, repo, test)
    functions, module_lines = _covered(repo, report, {failure.test for failure in failures})
    if not functions:
        raise CallerMistake(
            f"{test} fails without executing any function of {repo.name} outside its tests",
            "pick a test that calls the project's own code, or point at the folder that holds that code",
        )
    return Covered(
        repo=repo,
        failures=failures,
        functions=functions,
        module_lines=MappingProxyType(module_lines),
        python=report.python,
        contained=sandbox.contained,
        seconds=report.seconds,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What a run of tests showed. `lines`: file -> test -> executed lines, of the project's own files.

    `modules` names the module of each file; `sources` holds the source of each test.
    """

    repo: Path
    failed: tuple[str, ...]
    passed: tuple[str, ...]
    lines: Mapping[str, Mapping[str, frozenset[int]]]
    modules: Mapping[str, str]
    sources: Mapping[str, str]


async def spectrum(
    repo: Path,
    tests: str = ".",
    *,
    python: Path | None = None,
    sandbox: Sandbox,
    timeout_seconds: float = 600.0,
    environ: Mapping[str, str] | None = None,
) -> Spectrum:
    """Run `tests` (the whole suite, or a file) and count which failing and passing tests execute each function.

    Raises: like `cover`; at least one test must fail and none needs to pass.
    """
    suite = await run_suite(
        repo, tests, python=python, sandbox=sandbox, timeout_seconds=timeout_seconds, environ=environ
    )
    if not suite.failed:
        raise CallerMistake(f"no test fails in {tests}", "a spectrum compares failing tests with passing ones")
    return spectrum_of(suite)


def spectrum_of(suite: Suite) -> Spectrum:
    """Which of the failing and passing tests of `suite` execute each function."""
    failed, passed = set(suite.failed), set(suite.passed)
    hits: dict[str, Hits] = {}
    for file, by_test in suite.lines.items():
        for definition in _read(suite.repo, file):
            by = {test for test, lines in by_test.items() if not definition.own_lines.isdisjoint(lines)}
            count = Hits(failing=len(by & failed), passing=len(by & passed))
            if count != Hits():
                hits[f"{suite.modules[file]}.{definition.qualname}"] = count
    return Spectrum(failing=len(failed), passing=len(passed), hits=MappingProxyType(hits))


async def run_suite(
    repo: Path,
    tests: str = ".",
    *,
    python: Path | None = None,
    sandbox: Sandbox,
    timeout_seconds: float = 600.0,
    environ: Mapping[str, str] | None = None,
) -> Suite:
    """Run `tests` and see which fail and which execute what; green or red, as long as something runs.

    Raises:
        CallerMistake: no such repository, or no test could be run there.
        SandboxFailed: the sandbox broke.
    """
    repo = _repository(repo)
    report = await run_pytest(
        repo, tests, python=python, sandbox=sandbox, timeout_seconds=timeout_seconds, environ=environ or os.environ
    )
    outcomes = {outcome: tuple(one.test for one in report.tests if one.outcome == outcome) for outcome in _RAN}
    if not any(outcomes.values()):
        check_failing(report, repo, tests)
    packages = _packages(repo)
    files = tuple(_own_files(report))
    return Suite(
        repo=repo,
        failed=outcomes["failed"],
        passed=outcomes["passed"],
        lines=MappingProxyType({file: report.by_test(file) for file in files}),
        modules=MappingProxyType({file: module_name(file, packages) for file in files}),
        sources=MappingProxyType({one.test: one.source for one in report.tests}),
    )


def _repository(repo: Path) -> Path:
    if not repo.is_dir():
        what = "is not a folder" if repo.exists() else "does not exist"
        raise CallerMistake(f"the repository {repo} {what}", "give the path of a Python project")
    return repo.resolve()


def _covered(repo: Path, report: Report, failing: set[str]) -> tuple[tuple[Function, ...], dict[str, tuple[int, ...]]]:
    """The executed functions, and the executed lines outside functions by file."""
    packages = _packages(repo)
    functions: list[Function] = []
    module_lines: dict[str, tuple[int, ...]] = {}
    for file in _own_files(report):
        by_test = report.by_test(file)
        at_import = by_test.pop("", frozenset())
        in_tests = {test: lines for test, lines in by_test.items() if test in failing}
        found = _read(repo, file)
        module = module_name(file, packages)
        for definition in found:
            function = _function(definition, module, file, in_tests, at_import)
            if function is not None:
                functions.append(function)
        outside = at_import.union(*in_tests.values()).difference(*(definition.own_lines for definition in found))
        if outside:
            module_lines[file] = tuple(sorted(outside))
    return tuple(functions), module_lines


def _function(
    definition: Definition,
    module: str,
    file: str,
    in_tests: Mapping[str, frozenset[int]],
    at_import: frozenset[int],
) -> Function | None:
    """The definition as a covered function; None if it was not executed."""
    own = definition.own_lines
    covering = [lines & own for lines in in_tests.values() if lines & own]
    # The line of `def` runs at import: a body on that line tells nothing there.
    imported = (at_import & own) - {definition.line}
    if not covering and not imported:
        return None
    return Function(
        name=f"{module}.{definition.qualname}",
        package=module.rpartition(".")[0],
        module=module,
        file=file,
        line=definition.line,
        first_line=definition.first_line,
        end_line=definition.end_line,
        source=definition.source,
        signature=f"{module}.{definition.signature}",
        covered_lines=tuple(sorted(imported.union(*covering))),
        failing_tests=len(covering),
        only_at_import=not covering,
    )


def _own_files(report: Report) -> Iterable[str]:
    """The project's executed files that are no tests."""
    tests = {test.file for test in report.tests}
    return (file for file in report.files() if file not in tests and not is_test_file(file))


def _read(repo: Path, file: str) -> tuple[Definition, ...]:
    """The functions of a file; none for one that tests wrote or that this Python cannot read."""
    try:
        return definitions((repo / file).read_text(encoding="utf-8-sig", errors="replace"))
    except (OSError, SyntaxError, ValueError):
        return ()


def _packages(repo: Path) -> frozenset[str]:
    return frozenset(
        path.parent.relative_to(repo).as_posix() for path in project_files(repo) if path.name == "__init__.py"
    )
