"""Takes the files of a plain folder into a repository of the run's own, so that the folder itself is never written.

What git would ignore, secrets, links, caches and very large files stay outside. Knows nothing of branches.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.enums import FileMode

from parcae.core.errors import CallerMistake
from parcae.workspace.hidden import Hidden
from parcae.workspace.jail import is_safe

MOST_BYTES_A_FILE = 8 << 20
MOST_BYTES = 1 << 30
MOST_FILES = 100_000
_CACHES = {".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """The tree of what was taken in, and the paths of what was not although it was no secret: links, large files."""

    tree: pygit2.Oid
    files: int
    left_out: tuple[str, ...]


def take_in(repo: pygit2.Repository, folder: Path, hidden: Hidden) -> TakenIn:
    """Store every file of `folder` that agents may see; `repo` has `folder` as its working directory.

    Raises:
        CallerMistake: it is too large.
    """
    index, left_out, total, count = pygit2.Index(), list[str](), 0, 0
    for path in plain_files(repo, folder, hidden, left_out):
        name = path.relative_to(folder).as_posix()
        content, mode = read_plain(path)
        if content is None:
            left_out.append(name)
            continue
        total, count = total + len(content), count + 1
        if total > MOST_BYTES or count > MOST_FILES:
            raise CallerMistake(
                f"{folder} holds more than {MOST_FILES} files or {MOST_BYTES >> 30} GiB", "name a smaller folder"
            )
        index.add(pygit2.IndexEntry(name, repo.create_blob(content), mode))
    return TakenIn(tree=index.write_tree(repo), files=count, left_out=tuple(left_out))


def read_plain(path: Path) -> tuple[bytes | None, FileMode]:
    """The content and mode of a plain file; None for anything else, for a very large one, or if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None, FileMode.BLOB
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES_A_FILE:
            return None, FileMode.BLOB
        mode = FileMode.BLOB_EXECUTABLE if status.st_mode & 0o100 else FileMode.BLOB
        return file.read(), mode


def plain_files(
    repo: pygit2.Repository,
    folder: Path,
    hidden: Hidden,
    left_out: list[str],
    *,
    tracked: frozenset[str] = frozenset(),
) -> Iterator[Path]:
    """The files below `folder` that count, in order; links, unsafe names and closed folders are added to `left_out`.

    What is `tracked` (files, and the folders above them) counts even if git's rules would ignore it.
    """
    waiting = [_Listed.of(folder, repo, "", left_out)]  # a list, since folders may lie deeper than calls may
    while waiting:
        entry = next(waiting[-1].entries, None)
        if entry is None:
            waiting.pop()
            continue
        path, rules = Path(entry.path), waiting[-1].rules
        names = path.relative_to(folder).parts
        name = "/".join(names)
        if hidden.hides(names) or (name not in tracked and (entry.name in _CACHES or _is_ignored(rules, name))):
            continue
        if not is_safe(names):
            left_out.append(_readable(name))
        elif entry.is_dir(follow_symlinks=False):
            waiting.append(_Listed.of(path, rules, name, left_out))
        elif entry.is_file(follow_symlinks=False):
            yield path
        else:
            left_out.append(name)


class _Listed(NamedTuple):
    """What is left to look at in one folder, and whose rules hold there: nobody's where git would wait for a pipe."""

    entries: Iterator[os.DirEntry[str]]
    rules: pygit2.Repository | None

    @classmethod
    def of(cls, folder: Path, rules: pygit2.Repository | None, name: str, left_out: list[str]) -> _Listed:
        try:
            entries = sorted(os.scandir(folder), key=lambda one: one.name)
        except PermissionError:
            left_out.append(name)
            entries = []
        odd = any(one.name == ".gitignore" and not one.is_file() for one in entries)
        return cls(iter(entries), None if odd else rules)


def _is_ignored(rules: pygit2.Repository | None, name: str) -> bool:
    return rules is not None and name == _readable(name) and rules.path_is_ignored(name)


def _readable(name: str) -> str:
    """`name`, where what is no UTF-8 became question marks."""
    return name.encode(errors="replace").decode()
