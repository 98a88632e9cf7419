"""Runs pytest under coverage inside the sandbox and writes what happened as one JSON file.

Started as a script by the project's own Python (3.8 or newer), so it imports nothing of ours. Packages that the
project lacks are found in the folder `spare`, which comes last on the path.
Usage: python pytest_probe.py OUT SPARE ROOT OMIT ARGUMENTS...
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from importlib.util import find_spec
from typing import Any

VERSION = 1


def main(out: str, spare: str, root: str, omit: str, arguments: list[str]) -> int:
    """Run the tests and write the report; the exit code is pytest's."""
    sys.path[:] = [path for path in sys.path if path and os.path.abspath(path) != os.path.dirname(__file__)]
    sys.path.append(spare)
    for needed in ("pytest", "coverage"):
        if find_spec(needed) is None:
            write(out, {"version": VERSION, "missing": needed, "python": sys.version.split()[0]})
            return 4
    os.environ["COVERAGE_CORE"] = "ctrace" if find_spec("coverage.tracer") else "pytrace"
    import coverage
    import pytest

    measured = coverage.Coverage(
        data_file=None, config_file=False, include=[root + "/*"], omit=[*filter(None, omit.split(os.pathsep))]
    )
    measured._warn_no_data = False
    recorder = Recorder(measured)
    recorder.describe_aside()
    measured.start()
    code = int(pytest.main([*quieting(), *arguments], plugins=[recorder]))
    measured.stop()
    report = {
        "version": VERSION,
        "python": sys.version.split()[0],
        "exit": code,
        "tests": list(recorder.tests.values()),
        "collect_errors": recorder.collect_errors,
        "lines": lines_by_context(measured.get_data(), root),
    }
    write(out, report)
    return code


def quieting() -> list[str]:
    """Options against plugins that would measure a second time, or in other processes, or in another order."""
    options = ["--color=no", "--tb=short", "-p", "no:randomly"]
    if find_spec("pytest_cov"):
        options.append("--no-cov")
    if find_spec("xdist"):
        options += ["-n", "0"]
    return options


class Recorder:
    """A pytest plugin: what was collected, what came of it, and which lines belong to which test."""

    def __init__(self, measured: Any) -> None:
        self.measured = measured
        self.tests: dict[str, dict[str, object]] = {}
        self.collect_errors: list[dict[str, str]] = []
        self.open = ""

    def pytest_itemcollected(self, item: Any) -> None:
        """Remember a test and its source."""
        file, line, _ = item.location
        self.tests[item.nodeid] = {
            "test": item.nodeid,
            "outcome": "not run",
            "file": file,
            "line": (line or 0) + 1,
            "source": source_of(item),
            "message": "",
            "traceback": "",
        }

    def pytest_collectreport(self, report: Any) -> None:
        """Remember what could not be collected."""
        if report.failed:
            self.collect_errors.append({"node": report.nodeid, "text": report.longreprtext[-8000:]})

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """What runs from here on belongs to this test."""
        self.open = nodeid
        self.measured.switch_context(nodeid)

    def pytest_runtest_logfinish(self) -> None:
        """What runs from here on belongs to no test."""
        self.open = ""
        self.measured.switch_context("")

    def describe_aside(self) -> None:
        """What pytest calls to describe a failed assertion was not executed by the test: no `__repr__` is suspect.

        Rewritten assertions look these functions up when they fail; a pytest that lacks one has nothing to wrap.
        """
        from _pytest.assertion import rewrite

        for name in ("_saferepr", "_call_reprcompare", "_format_assertmsg"):
            describing = getattr(rewrite, name, None)
            if describing is not None:
                setattr(rewrite, name, self.aside(describing))

    def aside(self, describing: Any) -> Any:
        """`describing`, measured outside the open test."""

        def measured_aside(*arguments: Any, **settings: Any) -> Any:
            self.measured.switch_context("")
            try:
                return describing(*arguments, **settings)
            finally:
                self.measured.switch_context(self.open)

        return measured_aside

    def pytest_runtest_makereport(self) -> None:
        """Nor is what a report of it calls."""
        self.measured.switch_context("")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take in the outcome of one phase: a failure stays a failure."""
        self.measured.switch_context(self.open)
        entry = self.tests.setdefault(report.nodeid, {"test": report.nodeid, "outcome": "not run"})
        if report.failed and entry["outcome"] != "failed":
            crash = getattr(report.longrepr, "reprcrash", None)
            entry["outcome"] = "failed"
            entry["message"] = str(getattr(crash, "message", "") or report.longreprtext[-2000:])[:8000]
            entry["traceback"] = report.longreprtext[-20000:]
        elif entry["outcome"] == "not run" and (report.skipped or report.when == "call"):
            entry["outcome"] = report.outcome


def source_of(item: Any) -> str:
    """The source of a test function; "" for what is no function."""
    try:
        return inspect.getsource(item.obj)
    except (AttributeError, OSError, TypeError):
        return ""


def lines_by_context(data: Any, root: str) -> dict[str, dict[str, str]]:
    """Executed lines as "1-3,7", by test ("" for what ran outside tests) and by file relative to `root`."""
    found: dict[str, dict[str, list[int]]] = {}
    for file in sorted(data.measured_files()):
        name = os.path.relpath(file, root).replace(os.sep, "/")
        for line, contexts in data.contexts_by_lineno(file).items():
            for context in contexts:
                found.setdefault(context, {}).setdefault(name, []).append(line)
    return {
        context: {file: ranges(sorted(set(lines))) for file, lines in files.items()} for context, files in found.items()
    }


def ranges(lines: list[int]) -> str:
    """`[1, 2, 3, 7]` as "1-3,7"."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def write(out: str, report: dict[str, Any]) -> None:
    """Put the report in place at once, so that a half-written one is never read."""
    with open(out + ".part", "w", encoding="utf-8", errors="replace") as file:
        json.dump(report, file)
    os.replace(out + ".part", out)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]))
