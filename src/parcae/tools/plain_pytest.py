"""One run of pytest in a folder, without coverage: what passed, what failed, and how it looked. Judges nothing.

How long it took is left out: equal files look equal, whenever they are run. What passed is told beside the output, in
which a test may say anything.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from parcae.tools import pytest_batch_driver
from parcae.tools.project_python import ProjectPython, spare_packages
from parcae.tools.sandbox import Bind, Finished, Sandbox, SandboxLimits
from parcae.tools.scratch import left_in, scratch_folder

_MOST_FOUND_BYTES = 64 << 20
_TOOK = re.compile(r" in \d+\.\d+s(?: \([\d:]+\))?(?= =*$|$)", re.MULTILINE)
_START = """
import json, sys
sys.path.append(sys.argv[1])
import pytest

class Outcomes:
    def pytest_terminal_summary(self, terminalreporter):
        kinds = {"passed": ("passed",), "failed": ("failed", "error")}
        found = {name: [report.nodeid for kind in kinds[name] for report in terminalreporter.stats.get(kind, ())]
                 for name in kinds}
        with open(sys.argv[2], "w") as file:
            json.dump(found, file)

sys.exit(pytest.main(sys.argv[3:], plugins=[Outcomes()]))
"""
_QUIET = ("-q", "-rA", "--tb=short", "--no-header", "-p", "no:cacheprovider", "--continue-on-collection-errors")


_VERDICT_ONLY = ("-q", "-x", "--no-header", "--tb=no", "--assert=plain", "-p", "no:cacheprovider")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRun:
    """What came of it. `limit` names the limit that ended it; then `passed` and `failed` may lack tests."""

    passed: frozenset[str]
    failed: frozenset[str]
    output: str
    limit: str | None = None


async def run_plain(
    folder: Path, tests: str, *, at: Path, python: ProjectPython, sandbox: Sandbox, timeout_seconds: float
) -> PlainRun:
    """Run `tests` of the project copy in `folder`, which the tests see at `at`; they may write there.

    Raises:
        SandboxFailed: the sandbox broke.
    """
    root = at if sandbox.contained else folder
    with _spare_folder() as spare, scratch_folder("parcae-out-") as out:
        command = ["-c", _START, str(spare), str(out / "found"), *_QUIET, f"--rootdir={root}", tests]
        finished = await _run(command, folder, at, (spare,), python, sandbox, timeout_seconds, out)
        passed, failed = _found(left_in(out / "found", _MOST_FOUND_BYTES))
    return PlainRun(
        passed=passed,
        failed=failed,
        output=_TOOK.sub("", finished.stdout or finished.stderr),
        limit=finished.limit,
    )


def _found(text: bytes | None) -> tuple[frozenset[str], frozenset[str]]:
    """What passed and what failed; the tests can write this too, so it is read like any stranger's."""
    try:
        body = json.loads(text or b"{}")
        return frozenset(map(str, body.get("passed", ()))), frozenset(map(str, body.get("failed", ())))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return frozenset(), frozenset()


async def run_versions(
    folder: Path,
    test: str,
    path: str,
    orders: Sequence[Sequence[str]],
    *,
    at: Path,
    python: ProjectPython,
    sandbox: Sandbox,
    timeout_seconds: float,
    cpu_seconds: float,
) -> dict[str, bool]:
    """Whether `test` passes with versions of the file `path`: with those of each order until it passes with one.

    What several orders have in common is run once. A version that takes too long does not pass; `cpu_seconds` are for
    a version, but more for a test that takes more than a fifth of that as it is.

    Raises:
        SandboxFailed: the sandbox broke.
    """
    root, driver = at if sandbox.contained else folder, Path(pytest_batch_driver.__file__)
    versions = list(dict.fromkeys(version for order in orders for version in order))
    places = {version: place for place, version in enumerate(versions)}
    with _spare_folder() as spare:
        request = {
            "spare": str(spare),
            "file": str(root / path),
            "versions": versions,
            "orders": [[places[version] for version in order] for order in orders],
            "arguments": [*_VERDICT_ONLY, f"--rootdir={root}", test],
            "seconds": timeout_seconds,
            "cpu_seconds": cpu_seconds,
        }
        file = spare / "request.json"
        await asyncio.to_thread(file.write_text, json.dumps(request), encoding="utf-8")
        command, seconds = [str(driver), str(file)], timeout_seconds * (len(versions) + 2) + 30
        finished = await _run(command, folder, at, (spare, driver), python, sandbox, seconds)
    try:
        codes = json.loads(finished.stdout)
    except ValueError:
        return dict.fromkeys(versions, False)
    return {versions[int(place)]: code == 0 for place, code in codes.items()}


async def _run(
    command: Sequence[str],
    folder: Path,
    at: Path,
    seen: Sequence[Path],
    python: ProjectPython,
    sandbox: Sandbox,
    seconds: float,
    out: Path | None = None,
) -> Finished:
    root = at if sandbox.contained else folder
    binds = [Bind(path=folder, at=at, writable=True)]
    binds += [] if out is None else [Bind(path=out, writable=True)]
    binds += [Bind(path=path) for path in (*seen, *python.folders, *spare_packages().values())]
    sources = f"{root / 'src'}:{root}"
    return await sandbox.run(
        [str(python.executable), *command],
        cwd=root,
        binds=binds,
        env={"PYTHONPATH": sources, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC"},
        limits=SandboxLimits(wall_seconds=seconds, cpu_seconds=2 * seconds),
    )


@contextmanager
def _spare_folder() -> Iterator[Path]:
    """Links to our own pytest and what it needs, for a project whose Python has none."""
    with tempfile.TemporaryDirectory(prefix="parcae-spare-") as name:
        for path in spare_packages().values():
            (Path(name) / path.name).symlink_to(path)
        yield Path(name)
