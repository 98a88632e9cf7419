"""A test bed for built bugs: their tests are plain functions, so no pytest is started for each of many candidates.

Everything runs in the sandbox, each candidate in a process of its own with a limit on its CPU. The verdicts are those
of pytest for such tests; what it saves is nine tenths of the CPU.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from parcae.agents.test_bed import EVERYTHING, TestBed, _Files, _lay_out
from parcae.tools.plain_pytest import PlainRun
from parcae.tools.sandbox import DEFAULT_LIMITS, Bind

INSIDE = Path("/workspace")
DRIVER = Path(__file__).with_name("quick_driver.py")
SECONDS = 600.0


@dataclass(slots=True, kw_only=True)
class QuickBed(TestBed):
    """Runs what a TestBed runs, for projects whose tests are functions without fixtures."""

    async def _try(self, files: _Files, path: str, orders: Sequence[Sequence[str]]) -> dict[str, bool]:
        told = await self._drive(files, {"tests": [self.test], "path": path, "orders": [list(one) for one in orders]})
        passes = told["passes"]
        assert isinstance(passes, dict)
        return passes or {one: False for order in orders for one in order}  # a limit was reached

    async def _run(self, files: _Files, tests: str) -> PlainRun:
        there = sorted(file.path for file in files if file.path.startswith("tests/"))
        told = await self._drive(files, {"tests": there if tests == EVERYTHING else [tests]})
        passed, failed, output = told["passed"], told["failed"], told["output"]
        assert isinstance(passed, list) and isinstance(failed, list)
        return PlainRun(passed=frozenset(passed), failed=frozenset(failed), output=str(output))

    async def _drive(self, files: _Files, asked: dict[str, object]) -> dict[str, object]:
        with tempfile.TemporaryDirectory(prefix="parcae-quick-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            await asyncio.to_thread(_lay_out, files, folder)
            (folder / ".asked.json").write_text(json.dumps(asked))
            (folder / ".driver.py").write_text(DRIVER.read_text())
            here = INSIDE if self.sandbox.contained else folder
            finished = await self.sandbox.run(
                [str(self.python.executable), "-I", "-S", "-B", str(here / ".driver.py")],
                cwd=here,
                binds=[
                    *(Bind(path=own) for own in self.python.folders),
                    Bind(path=folder, at=INSIDE, writable=True),
                ],
                env={},
                limits=replace(DEFAULT_LIMITS, wall_seconds=SECONDS, cpu_seconds=SECONDS),
            )
        lines = finished.stdout.strip().splitlines()
        if not lines:
            return {"passes": {}, "passed": [], "failed": ["all"], "output": finished.stderr}
        told: dict[str, object] = json.loads(lines[-1])
        return told
