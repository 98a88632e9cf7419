"""Checks that run: whether a result passes is seen, not said. A check is one line, such as "python:src/board.py".

    exists:PATH    the file is there and not empty
    json:PATH      it is JSON
    python:PATH    it is Python that compiles
    run:COMMAND    the command ends with 0, in a sandboxed checkout of the workspace

Knows nothing of who hands in what.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Awaitable, Callable, Sequence

from parcae.core.protocols import ToolRefused, Workspace
from parcae.organization.events import Checked

Command = Callable[[str, Workspace], Awaitable[tuple[int, str]]]  # a command line: its exit code and what it said
DETAIL_CHARS = 1_500


async def run_checks(
    checks: Sequence[str], workspace: Workspace | None, command: Command | None
) -> tuple[Checked, ...]:
    """What comes of `checks`, in their order."""
    return tuple([await _run(check, workspace, command) for check in checks])


def unknown(check: str) -> bool:
    """Whether this is no check."""
    kind, colon, rest = check.partition(":")
    return not colon or not rest.strip() or kind not in ("exists", "json", "python", "run")


async def _run(check: str, workspace: Workspace | None, command: Command | None) -> Checked:
    kind, _, rest = check.partition(":")
    if unknown(check):
        return Checked(
            check=check, passed=False, detail='no such check; known are "exists:", "json:", "python:", "run:"'
        )
    if workspace is None:
        return Checked(check=check, passed=False, detail="there is no workspace")
    if kind == "run":
        if command is None:
            return Checked(check=check, passed=False, detail="commands cannot be run here")
        code, said = await command(rest.strip(), workspace)
        return Checked(check=check, passed=code == 0, detail=said[-DETAIL_CHARS:])
    return _look(check, kind, rest.strip(), workspace)


def _look(check: str, kind: str, path: str, workspace: Workspace) -> Checked:
    try:
        content = workspace.read(path)
        if not content.strip():
            return Checked(check=check, passed=False, detail=f"{path} is empty")
        if kind == "json":
            json.loads(content)
        elif kind == "python":
            ast.parse(content, path)
    except ToolRefused as missing:
        return Checked(check=check, passed=False, detail=str(missing))
    except (ValueError, SyntaxError) as wrong:
        return Checked(check=check, passed=False, detail=f"{path}: {wrong}")
    return Checked(check=check, passed=True)
