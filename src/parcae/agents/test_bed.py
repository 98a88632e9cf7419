"""Runs a project's tests against the files of a workspace; equal files are run once. Knows nothing of models."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from parcae.core.protocols import Workspace
from parcae.tools.plain_pytest import PlainRun, run_plain, run_versions
from parcae.tools.project_python import ProjectPython
from parcae.tools.sandbox import Sandbox, slots
from parcae.workspace import check_out

EVERYTHING = "."
VERSION_SECONDS = 10.0  # for each of several versions of a file
LEAST_CPU_SECONDS = 2.0  # for a version, however quick the test is


@dataclass(slots=True, kw_only=True)
class TestBed:
    """Tests of the project that lies at `repo`. `known` holds what was run before, by files and tests.

    `test_seconds` is what the failing test took by itself: a version that takes much longer hangs.
    """

    __test__ = False  # pytest takes the name for a test

    repo: Path
    test: str
    sandbox: Sandbox
    python: ProjectPython
    timeout_seconds: float = 60.0
    test_seconds: float = 0.0
    known: dict[tuple[int, str], asyncio.Task[PlainRun]] = field(default_factory=dict)
    tried: dict[tuple[int, str, str], bool] = field(default_factory=dict)
    places: asyncio.Semaphore = field(default_factory=slots)

    async def run(self, workspace: Workspace, tests: str | None = None) -> PlainRun:
        """Run `tests` (the failing test by default) on the files of `workspace`.

        Raises:
            SandboxFailed: the sandbox broke.
        """
        files = hash(tuple((path, workspace.look(path).version) for path in workspace.paths()))
        key = (files, tests or self.test)
        if key not in self.known or self.known[key].cancelled():
            self.known[key] = asyncio.ensure_future(self._run(workspace, key[1]))
        return await asyncio.shield(self.known[key])

    async def try_versions(self, workspace: Workspace, path: str, versions: Sequence[str]) -> list[bool]:
        """Whether the failing test passes with each whole text of the file `path`; each is run once.

        Raises:
            SandboxFailed: the sandbox broke.
        """
        others = hash(tuple((one, workspace.look(one).version) for one in workspace.paths() if one != path))
        new = [version for version in dict.fromkeys(versions) if (others, path, version) not in self.tried]
        if new:
            passes = await self._try(workspace, path, new)
            self.tried.update({(others, path, one): passed for one, passed in zip(new, passes, strict=True)})
        return [self.tried[(others, path, version)] for version in versions]

    async def _try(self, workspace: Workspace, path: str, versions: Sequence[str]) -> list[bool]:
        async with self.places:
            with tempfile.TemporaryDirectory(prefix="parcae-bed-", ignore_cleanup_errors=True) as name:
                folder = Path(name)
                await check_out(workspace, folder)
                return await run_versions(
                    folder,
                    self.test,
                    path,
                    versions,
                    at=self.repo,
                    python=self.python,
                    sandbox=self.sandbox,
                    timeout_seconds=min(self.timeout_seconds, VERSION_SECONDS),
                    cpu_seconds=max(LEAST_CPU_SECONDS, self.test_seconds),
                )

    async def run_anew(self, workspace: Workspace, tests: str) -> PlainRun:
        """Run `tests` whatever was run before: what flickers shows only so."""
        return await self._run(workspace, tests)

    async def _run(self, workspace: Workspace, tests: str) -> PlainRun:
        async with self.places:
            with tempfile.TemporaryDirectory(prefix="parcae-bed-", ignore_cleanup_errors=True) as name:
                folder = Path(name)
                await check_out(workspace, folder)
                return await run_plain(
                    folder,
                    tests,
                    at=self.repo,
                    python=self.python,
                    sandbox=self.sandbox,
                    timeout_seconds=self.timeout_seconds,
                )
