"""Runs a project's tests against the files of a workspace; equal files are run once. Knows nothing of models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from parcae.core.errors import ParcaeError
from parcae.core.protocols import Workspace
from parcae.core.workspace import FileAt
from parcae.tools.plain_pytest import PlainRun, run_plain, run_versions
from parcae.tools.project_python import ProjectPython
from parcae.tools.sandbox import Sandbox, slots
from parcae.tools.scratch import scratch_folder
from parcae.workspace.checkout import write_file

EVERYTHING = "."
VERSION_SECONDS = 10.0  # for each of several versions of a file
VERSION_CPU_SECONDS = 0.5  # the same, in CPU; more where the failing test as it stands takes a good part of that
MOST_AT_ONCE = 96  # versions for one start of the sandbox

_Files = tuple[FileAt, ...]
_Around = tuple[int, str]  # all files but one, and that one's path
_Verdicts = dict[str, bool]  # by the whole text of that file
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """Somebody wants to know the first of these versions that passes."""

    versions: tuple[str, ...]
    first: asyncio.Future[int | None]

    def left(self, verdicts: _Verdicts) -> tuple[str, ...]:
        """What has to be run before it can be said, in order, as long as nothing of it passes."""
        known = next((place for place, one in enumerate(self.versions) if verdicts.get(one)), len(self.versions))
        return tuple(one for one in self.versions[:known] if one not in verdicts)

    def settled(self, verdicts: _Verdicts) -> bool:
        """Tell, if it can be said."""
        if self.left(verdicts):
            return False
        self.first.set_result(next((place for place, one in enumerate(self.versions) if verdicts[one]), None))
        return True

    def fail(self, error: Exception) -> None:
        """Tell that it went wrong."""
        if not self.first.done():
            self.first.set_exception(error)


@dataclass(slots=True, kw_only=True)
class TestBed:
    """Tests of the project that lies at `repo`. `known` and `tried` hold what was run before, by files and tests.

    Who asks for what is being run waits for that run. Versions of a file that wait until a place in the sandbox is free
    are run there together, each wish until one of its versions passes.
    """

    __test__ = False  # pytest takes the name for a test

    repo: Path
    test: str
    sandbox: Sandbox
    python: ProjectPython
    timeout_seconds: float = 60.0
    known: dict[tuple[int, str, int], asyncio.Task[PlainRun]] = field(default_factory=dict)
    tried: dict[_Around, _Verdicts] = field(default_factory=dict)
    waiting: dict[_Around, list[_Wish]] = field(default_factory=dict)
    batches: dict[_Around, asyncio.Task[None]] = field(default_factory=dict)
    places: asyncio.Semaphore = field(default_factory=slots)

    async def run(self, workspace: Workspace, tests: str | None = None, *, turn: int = 0) -> PlainRun:
        """Run `tests` (the failing test by default) on the files of `workspace`.

        What was run in the same `turn` is not run again; a test that flickers shows only in several turns.

        Raises:
            SandboxFailed: the sandbox broke.
        """
        files = _files_of(workspace)
        key = (_hash_of(files), tests or self.test, turn)
        if key not in self.known or _is_void(self.known[key]):
            self.known[key] = asyncio.ensure_future(self._run(files, key[1]))
        return await asyncio.shield(self.known[key])

    async def first_good(self, workspace: Workspace, path: str, versions: Sequence[str]) -> int | None:
        """The place of the first whole text of the file `path` with which the failing test passes; None: there is none.

        What comes after it is not run for this; what was run before is not run again.

        Raises:
            SandboxFailed: the sandbox broke.
        """
        files = _files_of(workspace)
        around = (_hash_of(file for file in files if file.path != path), path)
        wish = _Wish(tuple(versions), asyncio.get_running_loop().create_future())
        self.waiting.setdefault(around, []).append(wish)
        if around not in self.batches:
            self.batches[around] = asyncio.ensure_future(self._try_waiting(files, around))
        return await asyncio.shield(wish.first)

    async def _try_waiting(self, files: _Files, around: _Around) -> None:
        """Run what waits, and what comes meanwhile, as much at once as one start of the sandbox takes."""
        waiting, verdicts = self.waiting[around], self.tried.setdefault(around, {})
        taken = list[_Wish]()
        try:
            while taken or waiting:
                async with self.places:
                    taken += waiting
                    waiting.clear()
                    orders = _unsettled(taken, verdicts)
                    verdicts |= await self._try(files, around[1], orders) if orders else {}
                taken = [wish for wish in taken if not wish.settled(verdicts)]
        except (ParcaeError, OSError) as error:  # whoever waits for a verdict raises it
            for wish in (*taken, *waiting):
                wish.fail(error)
        finally:
            for wish in (*taken, *waiting):
                wish.first.cancel()
            waiting.clear()
            del self.batches[around]

    async def _try(self, files: _Files, path: str, orders: Sequence[Sequence[str]]) -> Mapping[str, bool]:
        """The verdicts of the versions in each order, until one of it passes."""
        with scratch_folder("parcae-bed-") as folder:
            await asyncio.to_thread(_lay_out, files, folder)
            return await run_versions(
                folder,
                self.test,
                path,
                orders,
                at=self.repo,
                python=self.python,
                sandbox=self.sandbox,
                timeout_seconds=min(self.timeout_seconds, VERSION_SECONDS),
                cpu_seconds=VERSION_CPU_SECONDS,
            )

    async def _run(self, files: _Files, tests: str) -> PlainRun:
        async with self.places:
            with scratch_folder("parcae-bed-") as folder:
                await asyncio.to_thread(_lay_out, files, folder)
                return await run_plain(
                    folder,
                    tests,
                    at=self.repo,
                    python=self.python,
                    sandbox=self.sandbox,
                    timeout_seconds=self.timeout_seconds,
                )


def _unsettled(wishes: Iterable[_Wish], verdicts: _Verdicts) -> list[tuple[str, ...]]:
    """What has to be run for the first of them, until that is MOST_AT_ONCE versions."""
    orders, counted = list[tuple[str, ...]](), set[str]()
    for wish in wishes:
        if len(counted) < MOST_AT_ONCE and (left := wish.left(verdicts)):
            orders.append(left)
            counted.update(left)
    return orders


def _files_of(workspace: Workspace) -> _Files:
    """The files as they are now: the workspace may change while a run waits for its place."""
    return tuple(workspace.look(path) for path in workspace.paths())


def _hash_of(files: Iterable[FileAt]) -> int:
    return hash(tuple((file.path, file.version) for file in files))


def _is_void(run: asyncio.Future[_T]) -> bool:
    """Whether it ended without a result."""
    return run.done() and (run.cancelled() or run.exception() is not None)


def _lay_out(files: _Files, folder: Path) -> None:
    for file in files:
        write_file(folder, file)
