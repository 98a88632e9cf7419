"""What an attempt changed, as a diff; and when two diffs are the same patch. Knows nothing of how it was found."""

from __future__ import annotations

import ast
import difflib
import io
import re
from functools import lru_cache

from parcae.core.protocols import ToolRefused, Workspace

_FILE = re.compile(r"^\+\+\+ b/(.+)$", re.MULTILINE)


def patch_of(before: Workspace, after: Workspace) -> str:
    """The unified diff from one branch to another; "" if nothing changed. Binary files show as a line."""
    was = {path: before.look(path).version for path in before.paths()}
    now = {path: after.look(path).version for path in after.paths()}
    changed = sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path))
    return "".join(_diff(path, _lines(before, path), _lines(after, path)) for path in changed)


def _lines(workspace: Workspace, path: str) -> list[str] | None:
    try:
        return io.StringIO(workspace.read(path).decode()).readlines()  # as git does: only "\n" ends a line
    except ToolRefused:
        return []
    except UnicodeDecodeError:
        return None


def _diff(path: str, before: list[str] | None, after: list[str] | None) -> str:
    if before is None or after is None:
        return f"--- a/{path}\n+++ b/{path}\nBinary files differ\n"
    lines = difflib.unified_diff(before, after, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def files_of(patch: str) -> tuple[str, ...]:
    """The files that a diff changes."""
    return tuple(_FILE.findall(patch))


def size_of(patch: str) -> int:
    """How many lines a diff adds and removes."""
    body = [line for line in patch.split("\n") if not line.startswith(("---", "+++"))]
    return sum(line.startswith(("+", "-")) for line in body)


def normal_form(before: Workspace, after: Workspace) -> str:
    """What two equal patches share: comments, blank lines and layout of Python files do not count."""
    was = {path: before.look(path).version for path in before.paths()}
    parts = []
    for path in after.paths():
        file = after.look(path)
        if was.pop(path, None) != file.version:
            parts.append(f"{path}\n{_program(path, file.content)}")
    return "\n".join([*parts, *(f"{path} is gone" for path in sorted(was))])


@lru_cache(maxsize=256)  # attempts make the same files, and each is asked for again with every new patch
def _program(path: str, content: bytes) -> str:
    if path.endswith(".py"):
        try:
            return ast.unparse(ast.parse(content))
        except (SyntaxError, ValueError):
            pass
    return content.decode("utf-8", "replace")
