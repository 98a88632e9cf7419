"""One run of pytest under coverage in a copy of a project, and its report. Judges nothing."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from parcae.tools import pytest_probe
from parcae.tools.project_copy import copy_project
from parcae.tools.project_python import ProjectPython, choose_python, spare_packages
from parcae.tools.sandbox import Bind, Finished, Sandbox, SandboxLimits
from parcae.tools.scratch import left_in, scratch_folder

_MOST_REPORT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """What came of one test: "passed", "failed", "skipped" or "not run"."""

    test: str
    outcome: str
    file: str = ""
    line: int = 1
    source: str = ""
    message: str = ""
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What pytest did. `exit_code` None means that Python ended before the report was written.

    `lines` maps file -> test -> executed lines; the test "" stands for what ran outside of tests (imports).
    """

    finished: Finished
    python: str = ""
    executable: Path = Path()
    exit_code: int | None = None
    missing: str = ""
    tests: tuple[TestOutcome, ...] = ()
    collect_errors: tuple[tuple[str, str], ...] = ()
    lines: Mapping[str, Mapping[str, frozenset[int]]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took, in wall-clock time."""
        return self.finished.seconds

    def files(self) -> Sequence[str]:
        """The executed files, relative to the repository, in order of name."""
        return sorted(self.lines)

    def by_test(self, file: str) -> dict[str, frozenset[int]]:
        """The executed lines of `file`, by test."""
        return dict(self.lines.get(file, {}))


async def run_pytest(
    repo: Path,
    test: str,
    *,
    python: Path | None,
    sandbox: Sandbox,
    timeout_seconds: float,
    environ: Mapping[str, str],
    limits: SandboxLimits | None = None,
) -> Report:
    """Copy `repo` (absolute), run `test` there, and read what came of it."""
    chosen = choose_python(repo, python, environ)
    limits = limits or SandboxLimits(
        wall_seconds=timeout_seconds, cpu_seconds=4 * timeout_seconds, file_bytes=_MOST_REPORT_BYTES
    )
    with scratch_folder("parcae-run-") as scratch:
        await asyncio.to_thread(copy_project, repo, scratch / "copy")
        (scratch / "out").mkdir()
        report = await _run(repo, scratch, chosen, [test], sandbox, limits)
        if report.exit_code == 4 and "unrecognized arguments" in report.finished.stderr:
            # The project's settings name a plugin that this Python has not.
            report = await _run(repo, scratch, chosen, ["-o", "addopts=", test], sandbox, limits)
    return replace(report, executable=chosen.executable)


async def _run(
    repo: Path, scratch: Path, python: ProjectPython, arguments: list[str], sandbox: Sandbox, limits: SandboxLimits
) -> Report:
    copy, out = scratch / "copy", scratch / "out" / "report.json"
    spare = _spare_folder(scratch)
    probe = Path(pytest_probe.__file__)
    # In the sandbox the copy stands where the project stands, so that editable installs lead to it.
    root = repo if sandbox.contained else copy
    binds = [Bind(path=copy, at=repo, writable=True), Bind(path=out.parent, writable=True), Bind(path=spare)]
    binds += [Bind(path=path) for path in (*python.folders, *spare_packages().values(), probe)]
    omit = os.pathsep.join(f"{folder}/*" for folder in python.folders if folder != root)
    finished = await sandbox.run(
        [str(python.executable), str(probe), str(out), str(spare), str(root), omit, f"--rootdir={root}", *arguments],
        cwd=root,
        binds=binds,
        env=_environment(root, python),
        limits=limits,
    )
    return _parse(left_in(out, _MOST_REPORT_BYTES), finished)


def _spare_folder(scratch: Path) -> Path:
    spare = scratch / "spare"
    if not spare.exists():
        spare.mkdir()
        for path in spare_packages().values():
            (spare / path.name).symlink_to(path)
    return spare


def _environment(root: Path, python: ProjectPython) -> dict[str, str]:
    sources = [folder for folder in (root / "src", root) if folder.is_dir() or folder == root]
    return {
        "PATH": f"{python.executable.parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(map(str, sources)),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": "UTC",
    }


def _parse(text: bytes | None, finished: Finished) -> Report:
    if text is None:
        return Report(finished=finished)
    # The tests can write this file too, so it is read like any stranger's.
    try:
        body = json.loads(text)
        lines: dict[str, dict[str, frozenset[int]]] = {}
        for test, files in body.get("lines", {}).items():
            for file, spans in files.items():
                lines.setdefault(file, {})[test] = _unpack(spans)
        return Report(
            finished=finished,
            python=body["python"],
            exit_code=body.get("exit"),
            missing=body.get("missing", ""),
            tests=tuple(TestOutcome(**test) for test in body.get("tests", ())),
            collect_errors=tuple((error["node"], error["text"]) for error in body.get("collect_errors", ())),
            lines=lines,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Report(finished=finished)


def _unpack(spans: str) -> frozenset[int]:
    lines: set[int] = set()
    for span in filter(None, spans.split(",")):
        first, _, last = span.partition("-")
        lines.update(range(int(first), int(last or first) + 1))
    return frozenset(lines)
