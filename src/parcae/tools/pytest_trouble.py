"""Whether a run of pytest shows the failing test that was promised; if not, the sentence that says why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from parcae.core.errors import CallerMistake, LimitReached
from parcae.tools.covered import Failure
from parcae.tools.pytest_run import Report, TestOutcome

# what Python prints of a warning: where, which, its text of one or more lines, and the line of code
_WARNING = re.compile(r"^\S[^\n]*:\d+: \w*Warning: .*?^[ \t]+[^\n]*$", re.MULTILINE | re.DOTALL)
_LIMITS = {
    "wall_seconds": "ran longer than {seconds:.0f} s",
    "cpu_seconds": "used more CPU time than it may",
    "memory_bytes": "took more memory than it may",
    "processes": "started more processes than it may",
    "written_bytes": "wrote more to disk than it may",
}


def check_failing(report: Report, repo: Path, test: str) -> tuple[Failure, ...]:
    """The failing tests of a run.

    Raises:
        CallerMistake: there is none, or none could be run.
        LimitReached: time, memory, processes or disk ran out.
    """
    if report.finished.limit is not None:
        _stopped(report, test)
    if report.missing:
        raise CallerMistake(
            f"{report.executable} has no {report.missing}, and neither has Parcae's own Python",
            f"run `{report.executable} -m pip install {report.missing}`, or choose another one with --python",
        )
    if report.exit_code is None:
        raise CallerMistake(
            f"Python ended before the tests did (exit code {report.finished.exit_code}): {_last_line(report)}",
            f"run `python -m pytest {test}` in {repo} and look there first, or choose another Python with --python",
        )
    failed = [outcome for outcome in report.tests if outcome.outcome == "failed"]
    if failed:
        return _failures(failed, test)
    return _no_failure(report, repo, test)


def _failures(failed: list[TestOutcome], test: str) -> tuple[Failure, ...]:
    if all(outcome.message.startswith("MemoryError") for outcome in failed):
        raise LimitReached(f"{test} took more memory than it may; make it smaller or free what it holds")
    return tuple(
        Failure(
            test=outcome.test,
            source=outcome.source,
            message=outcome.message,
            traceback=outcome.traceback,
            file=outcome.file,
            line=outcome.line,
        )
        for outcome in failed
    )


def _stopped(report: Report, test: str) -> NoReturn:
    said = _LIMITS[report.finished.limit or "wall_seconds"].format(seconds=report.finished.seconds)
    raise LimitReached(f"{test} {said} and was stopped; check it for an endless loop, or raise its limit")


def _no_failure(report: Report, repo: Path, test: str) -> NoReturn:
    if report.collect_errors:
        node, text = report.collect_errors[0]
        raise CallerMistake(
            f"{node or test} cannot be collected: {_reason(text)}",
            "make it importable first: install what it needs into the project's .venv, or repair the error",
        )
    outcomes = {outcome.outcome for outcome in report.tests}
    if "passed" in outcomes:
        raise CallerMistake(f"{test} passes", "name a test that fails")
    if outcomes == {"skipped"}:
        raise CallerMistake(f"{test} is skipped", "name a test that runs and fails")
    if report.exit_code == 4 and _not_found(report):
        raise CallerMistake(
            f"there is no test {test} in {repo}",
            f"list them with `python -m pytest --collect-only -q` in {repo}",
        )
    if report.exit_code == 5:
        raise CallerMistake(f"{test} holds no tests", "name a node id such as tests/test_x.py::test_y")
    raise CallerMistake(
        f"pytest could not run {test}: {_last_line(report)}", f"run `python -m pytest {test}` in {repo}"
    )


def _not_found(report: Report) -> bool:
    said = report.finished.stdout + report.finished.stderr
    return "not found" in said or "no match in any of" in said or "found no collectors" in said


def _reason(text: str) -> str:
    """The line of a traceback that names the error."""
    errors = [line.removeprefix("E").strip() for line in text.splitlines() if line.startswith("E ")]
    return (errors[-1] if errors else text.strip().rpartition("\n")[2])[:300]


def _last_line(report: Report) -> str:
    streams = (_WARNING.sub("", said).strip() for said in (report.finished.stderr, report.finished.stdout))
    said = next(filter(None, streams), "it said nothing")
    return said.splitlines()[-1][:300]
