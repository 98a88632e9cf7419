"""Whether an answer solves its item: code by hidden tests in sandboxes, mathematics by equivalent forms.

Tests and solution run in two sandboxes that share nothing but a socket, so a solution can neither read the tests nor
pass them in any other way than by giving the right values.
"""

from __future__ import annotations

import ast
import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parcae.benchmarks import grading_driver
from parcae.benchmarks.items import Item
from parcae.benchmarks.math_answers import equivalent, final_answer
from parcae.tools.project_python import ProjectPython, choose_python
from parcae.tools.sandbox import Bind, Finished, Sandbox, SandboxLimits
from parcae.tools.scratch import scratch_folder

_FENCE = re.compile(r"```[a-zA-Z0-9]*[ \t]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
_INSIDE = Path("/grading")
_STARTING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the item is solved; if not, `why` says it in a few words, without showing the tests."""

    solved: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grader:
    """Grades answers. `timeout_seconds` is what one solution may take for all tests of its item."""

    sandbox: Sandbox
    python: Path | None = None
    timeout_seconds: float = 10.0

    async def grade(self, item: Item, answer: str) -> Verdict:
        """Whether `answer`, as `read_answer` gave it, solves `item`.

        Raises:
            SandboxFailed: code cannot be contained here.
        """
        if item.tests is None:
            return Verdict(solved=equivalent(answer, item.expected))
        try:
            ast.parse(answer)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return Verdict(solved=False, why=f"no Python: {type(error).__name__}")
        python = choose_python(_INSIDE, self.python, os.environ)
        with scratch_folder("parcae-grade-") as folder:
            return await self._in(folder, item, answer, python)

    async def _in(self, folder: Path, item: Item, answer: str, python: ProjectPython) -> Verdict:
        assert item.tests is not None
        shared, files = folder / "shared", {"tests": folder / "tests.py", "solution": folder / "solution.py"}
        await asyncio.to_thread(_write, shared, {files["tests"]: item.tests, files["solution"]: answer})
        stopped = asyncio.ensure_future(self._side("solution", shared, files["solution"], (), python))
        try:
            ran = await self._side("tests", shared, files["tests"], item.functions, python, stopped)
        finally:
            stopped.cancel()
            await asyncio.wait({stopped})
        if ran is None:
            return Verdict(solved=False, why=_why(stopped.result()))
        solved = ran.exit_code == 0 and ran.limit is None and ran.stdout.endswith(f"{grading_driver.PASSED}\n")
        return Verdict(solved=solved, why="" if solved else ran.limit or "a test fails")

    async def _side(
        self,
        role: str,
        shared: Path,
        file: Path,
        names: tuple[str, ...],
        python: ProjectPython,
        other: asyncio.Future[Finished | None] | None = None,
    ) -> Finished | None:
        """Run one side to its end; None if `other`, which it waits for, ended first and it did not end soon after."""
        walls, driver = self.sandbox.contained, Path(grading_driver.__file__)
        at = {one: _INSIDE / one.name if walls else one for one in (shared, file, driver)}
        seconds = self.timeout_seconds + _STARTING_SECONDS
        run = asyncio.ensure_future(
            self.sandbox.run(
                [str(python.executable), "-I", str(at[driver]), role, f"{at[shared]}/socket", str(at[file]), *names],
                cwd=at[shared],
                binds=[
                    Bind(path=shared, at=at[shared], writable=True),
                    Bind(path=file, at=at[file]),
                    Bind(path=driver, at=at[driver]),
                    *(Bind(path=one) for one in python.folders),
                ],
                env={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC"},
                limits=SandboxLimits(
                    wall_seconds=seconds, cpu_seconds=self.timeout_seconds, memory_bytes=1 << 30, written_bytes=64 << 20
                ),
            )
        )
        try:
            both: set[asyncio.Future[Any]] = {run} if other is None else {run, other}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not run.done():
                await asyncio.wait({run}, timeout=1.0)
            return run.result() if run.done() else None
        finally:
            run.cancel()
            await asyncio.wait({run})


def read_answer(item: Item, text: str) -> tuple[str, ...]:
    """The code or the final answer in a model's reply; nothing if there is none."""
    if item.tests is None:
        found = final_answer(text)
        return () if found is None else (found,)
    blocks = [block for block in _FENCE.findall(text) if block.strip()]
    code = max(blocks, key=len) if blocks else text
    return (f"{code.strip()}\n",) if code.strip() else ()


def same_answer(item: Item, one: str, other: str) -> bool:
    """Whether two answers to `item` count as one in the vote: equal values, or code that differs in layout alone."""
    if item.tests is None:
        return equivalent(one, other)
    return one == other or _layout_free(one) == _layout_free(other)


def _layout_free(code: str) -> str:
    try:
        return ast.dump(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code


def _write(shared: Path, texts: dict[Path, str]) -> None:
    shared.mkdir()
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8")


def _why(finished: Finished | None) -> str:
    if finished is None:
        return "the tests did not end"
    return finished.limit or f"the solution ended by itself with exit code {finished.exit_code}"
