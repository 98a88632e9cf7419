"""A workspace's files in a folder, for commands, and what the commands did to them back in the workspace.

Nothing in the folder is trusted: links are not followed, and names, sizes and secrets are checked as everywhere.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.enums import FileMode

from parcae.core.protocols import ToolRefused, Workspace
from parcae.core.workspace import By, Changed, Conflict, Delete, Edit, FileAt, Write
from parcae.workspace.hidden import Hidden
from parcae.workspace.taking_in import plain_files, read_plain


class _Seen(NamedTuple):
    version: str
    size: int
    modified_ns: int
    executable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The files of a workspace as they lay in `folder` at first."""

    folder: Path
    files: dict[str, _Seen] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What became of the files that a command wrote: `refused` says of each why it stayed outside."""

    changed: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    refused: tuple[str, ...] = ()


async def check_out(workspace: Workspace, folder: Path) -> Checkout:
    """Write the files of `workspace` into the empty `folder`."""
    files: dict[str, _Seen] = {}
    for number, path in enumerate(workspace.paths()):
        if number % 32 == 31:
            await asyncio.sleep(0)
        file = workspace.look(path)
        status = write_file(folder, file).stat()
        files[path] = _Seen(file.version, status.st_size, status.st_mtime_ns, file.executable)
    return Checkout(folder=folder, files=files)


def write_file(folder: Path, file: FileAt) -> Path:
    """Write `file` below `folder`, which is ours and holds no links; where it lies now."""
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.content)
    if file.executable:
        target.chmod(0o755)
    return target


async def take_back(workspace: Workspace, checkout: Checkout, by: By) -> TakenBack:
    """Make in `workspace` every change that was made in the folder, merged with what others did meanwhile.

    What git would ignore and caches stay outside without a word; secrets, links, other special files, unsafe names and
    very large files are refused by name.
    """
    by = replace(by, key="")  # made again, a change that is there already is no difference
    changed, conflicts, refused = list[str](), list[Conflict](), list[str]()
    for edit in _edits(checkout, refused):
        try:
            outcome = await workspace.change(edit, by)
        except ToolRefused as why:
            refused.append(f"{edit.path}: {why}")
            continue
        if isinstance(outcome, Conflict):
            conflicts.append(outcome)
        else:
            changed.append(_said(edit, outcome))
    return TakenBack(changed=tuple(changed), conflicts=tuple(conflicts), refused=tuple(refused))


def _edits(checkout: Checkout, refused: list[str]) -> Iterator[Edit]:
    there: set[str] = set()
    for path in _files(checkout, refused):
        name = path.relative_to(checkout.folder).as_posix()
        there.add(name)
        seen = checkout.files.get(name)
        status = path.lstat()
        executable = bool(status.st_mode & 0o100)
        if seen is not None and seen[1:] == (status.st_size, status.st_mtime_ns, executable):
            continue
        content, mode = read_plain(path)
        if content is None:
            refused.append(f"{name}: not a plain file, or too large")
        elif seen is None or str(pygit2.hash(content)) != seen.version or executable != seen.executable:
            based_on = None if seen is None else seen.version
            runs = mode == FileMode.BLOB_EXECUTABLE
            yield Write(path=name, content=content, based_on=based_on, executable=runs)
    for name, seen in checkout.files.items():
        if name not in there and not os.path.lexists(checkout.folder / name):
            yield Delete(path=name, based_on=seen.version)


def _files(checkout: Checkout, refused: list[str]) -> list[Path]:
    """The plain files in the folder that may go back."""
    with tempfile.TemporaryDirectory(prefix="parcae-rules-") as rules:
        repo = pygit2.init_repository(rules, bare=True)
        repo.workdir = str(checkout.folder)  # so that git's own rules say which files are ignored
        left_out: list[str] = []
        tracked = frozenset(above for name in checkout.files for above in _and_above(name))
        found = list(plain_files(repo, checkout.folder, Hidden(granted=("*",)), left_out, tracked=tracked))
    refused += [f"{name}: a link, a special file or a name that is not safe" for name in left_out]
    return found


def _and_above(name: str) -> Iterator[str]:
    """A path and the folders that lead to it."""
    while name:
        yield name
        name = name.rpartition("/")[0]


def _said(edit: Edit, outcome: Changed) -> str:
    return f"{edit.path} (deleted)" if outcome.version is None else edit.path
