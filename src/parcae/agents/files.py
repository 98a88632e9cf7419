"""Tools for files in the attempt's workspace. Knows nothing of git: it shows versions and conflicts as text.

A version is shown by its first twelve digits, which is what a model gives back.
"""

# ruff: noqa: D417  # docstrings here are what models read: parameters that are filled in are hidden from them
from __future__ import annotations

import asyncio
import base64
import binascii
import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

from parcae.core.protocols import Tool, ToolRefused, Workspace
from parcae.core.scope import Scope
from parcae.core.workspace import Append, By, Changed, Conflict, Delete, Edit, FileAt, Move, Replace, Write
from parcae.tools.function import CallKey, function_tool

Encoding = Literal["text", "base64"]
READ_CHARS = 20_000
CONFLICT_CHARS = 8_000
_SEARCHED_BYTES = 1 << 20
_BREATH = 64


def file_tools() -> tuple[Tool, ...]:
    """Reading, writing, editing, appending, deleting, moving, listing and searching, with their effects."""
    reading = [
        function_tool(read_file, effect="read", max_chars=READ_CHARS + 1_000),
        function_tool(list_files, effect="read"),
        function_tool(search_files, effect="read"),
    ]
    writing = (write_file, edit_file, append_file, delete_file, move_file)
    most = 3 * CONFLICT_CHARS
    return (*reading, *(function_tool(function, effect="workspace", max_chars=most) for function in writing))


def workspace_of(scope: Scope) -> Workspace:
    """The workspace of `scope`.

    Raises:
        ToolRefused: there is none.
    """
    if scope.workspace is None:
        raise ToolRefused("there is no workspace here, so there are no files")
    return scope.workspace


def by(scope: Scope, key: str) -> By:
    """Who makes the call with this key, in which step, and when."""
    step = key.removeprefix(f"{scope.id}/").partition("/")[0]
    return By(author=scope.id, step=int(step) if step.isdigit() else None, key=key, at=scope.clock.now())


# ---- reading


def read_file(
    scope: Scope, path: str, start_line: int = 1, lines: int | None = None, encoding: Encoding = "text"
) -> str:
    """Read a file; the first line of the result tells its version, which write_file and edit_file take as based_on.

    Args:
        path: relative to the top of the workspace, such as notes/plan.md.
        start_line: the first line to show, counted from 1.
        lines: how many lines to show; all that fit by default.
        encoding: base64 for a binary file.
    """
    file = workspace_of(scope).look(path)
    head = f"{path}, version {short(file.version)}"
    if encoding == "base64":
        return f"{head}, {len(file.content)} bytes as base64\n{base64.b64encode(file.content).decode()}"
    try:
        text = file.content.decode()
    except UnicodeDecodeError:
        return f"{head}: binary, {len(file.content)} bytes; read it with encoding base64"
    return _page(head, text.splitlines(keepends=True), max(1, start_line), lines)


def _page(head: str, all_lines: Sequence[str], start: int, count: int | None) -> str:
    shown: list[str] = []
    room = READ_CHARS
    for line in all_lines[start - 1 : None if count is None else start - 1 + max(0, count)]:
        if len(line) > room:
            if not shown:
                shown.append(f"{line[:room]}[cut: {len(line) - room} more characters in this line]\n")
            break
        shown.append(line)
        room -= len(line)
    last, total = start - 1 + len(shown), len(all_lines)
    if not all_lines:
        return f"{head}: empty"
    more = f"; read on with start_line={last + 1}" if last < total else ""
    return f"{head}, lines {start}-{last} of {total}{more}\n{''.join(shown)}"


def list_files(scope: Scope, under: str = "", pattern: str = "*") -> str:
    """List the files, one path a line.

    Args:
        under: only files below this folder.
        pattern: only paths like this, such as *.py; a star matches anything.
    """
    found = [path for path in workspace_of(scope).paths(under) if _matches(path, pattern)]
    return "\n".join(found) if found else "no files"


async def search_files(scope: Scope, text: str, under: str = "", pattern: str = "*", most: int = 100) -> str:
    """Find a text in the files: path:line: the line. Upper and lower case count as equal.

    Args:
        text: what to look for, literally.
        under: only files below this folder.
        pattern: only paths like this, such as *.py.
        most: how many lines to show.
    """
    if not text:
        raise ToolRefused("the text to search for is empty")
    workspace, wanted, found = workspace_of(scope), text.casefold(), list[str]()
    for number, path in enumerate(workspace.paths(under)):
        if number % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        if _matches(path, pattern):
            found += _hits(workspace.look(path), wanted)
        if len(found) > most:
            return "\n".join([*found[:most], "[more were found; search for something rarer]"])
    return "\n".join(found) if found else f"{text!r} was not found"


def _hits(file: FileAt, wanted: str) -> list[str]:
    if len(file.content) > _SEARCHED_BYTES or b"\0" in file.content:
        return []
    text = file.content.decode(errors="replace")
    if wanted not in text.casefold():
        return []
    lines = enumerate(text.splitlines(), 1)
    return [f"{file.path}:{number}: {line.strip()[:300]}" for number, line in lines if wanted in line.casefold()]


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(path.rpartition("/")[2], pattern)


# ---- writing


async def write_file(
    scope: Scope, key: CallKey, path: str, content: str, based_on: str | None = None, encoding: Encoding = "text"
) -> str:
    """Write a whole file. What others wrote since your version is merged; where it cannot be, you are told.

    Args:
        path: relative to the top of the workspace, such as notes/plan.md; folders are made.
        content: the whole new content.
        based_on: the version that you read; leave it out for a new file only.
        encoding: base64 if content is base64 of a binary file.
    """
    return await _change(scope, key, Write(path=path, content=_bytes(content, encoding), based_on=based_on))


async def edit_file(scope: Scope, key: CallKey, path: str, old: str, new: str, based_on: str | None = None) -> str:
    """Replace a fragment of a file that stands there exactly once.

    Args:
        path: relative to the top of the workspace.
        old: the exact fragment, with as many lines around it as make it unique.
        new: what to put in its place.
        based_on: the version that you read, if you know it.
    """
    return await _change(scope, key, Replace(path=path, old=old, new=new, based_on=based_on))


async def append_file(scope: Scope, key: CallKey, path: str, text: str) -> str:
    """Add text at the end of a file, whatever others add: for logs, lists and notes that many write to.

    Args:
        path: relative to the top of the workspace; the file is made if it is new.
        text: what to add.
    """
    return await _change(scope, key, Append(path=path, text=text))


async def delete_file(scope: Scope, key: CallKey, path: str, based_on: str) -> str:
    """Delete a file.

    Args:
        path: relative to the top of the workspace.
        based_on: the version that you read: a newer one is not deleted.
    """
    return await _change(scope, key, Delete(path=path, based_on=based_on))


async def move_file(scope: Scope, key: CallKey, path: str, to: str) -> str:
    """Give a file another name or folder.

    Args:
        path: the file.
        to: its new path, which must be free.
    """
    return await _change(scope, key, Move(path=path, to=to))


async def _change(scope: Scope, key: str, edit: Edit) -> str:
    outcome = await workspace_of(scope).change(edit, by(scope, key))
    if isinstance(outcome, Conflict):
        raise ToolRefused(conflict_text(outcome))
    return _done(outcome)


def _done(outcome: Changed) -> str:
    if outcome.version is None:
        return f"{outcome.path} is deleted"
    merged = "; what others had written since is merged in: read it before you go on" if outcome.merged else ""
    return f"{outcome.path} is now at version {short(outcome.version)}{merged}"


def conflict_text(conflict: Conflict) -> str:
    """What a model needs to write again: what they changed, what it changed, and the file as it is now."""
    if conflict.theirs is None:
        return (
            f"conflict: {conflict.path} was deleted or moved by others since your version; nothing was written. Your "
            f"text is kept as {conflict.kept}. Write it without based_on if it is still needed"
        )
    version = short(conflict.version or "")
    since = "since your version" if conflict.base is not None else "before you"
    head = (
        f"conflict: others wrote to {conflict.path} {since}, in the same lines; nothing was written. The file "
        f"is now at version {version}. Your text is kept as {conflict.kept}. Take both in and write again with "
        f"based_on {version}."
    )
    base, theirs, own = (_shown(one) for one in (conflict.base or b"", conflict.theirs, conflict.own))
    room = CONFLICT_CHARS // 2
    parts = [
        f"--- what they changed\n{_difference(base, theirs)[:room]}",
        f"--- what you changed\n{_difference(base, own)[:room]}",
        f"--- the file now\n{theirs[:CONFLICT_CHARS]}",
    ]
    return "\n".join([head, *parts])


def _difference(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return "\n".join(list(lines)[2:])


def _shown(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"[binary, {len(content)} bytes]"


def _bytes(content: str, encoding: Encoding) -> bytes:
    if encoding == "text":
        return content.encode(errors="replace")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise ToolRefused("content is not base64; send it again, or as text") from None


def short(version: str) -> str:
    """A version as models see it."""
    return version[:12]
