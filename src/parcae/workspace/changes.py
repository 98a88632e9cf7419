"""What one change of a file makes of a commit: a new commit, or a conflict that keeps the text. Moves no ref.

Every function here may be run again on another commit: that is what happens when somebody else was faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, assert_never

import pygit2
from pygit2.enums import FileMode

from parcae.core.protocols import ToolRefused
from parcae.core.workspace import Append, By, Changed, Conflict, Delete, Edit, Move, Replace, Write
from parcae.workspace.merge import Clash, merge_files
from parcae.workspace.objects import Objects
from parcae.workspace.trees import PLAIN, Entry, entry_at

Names = Sequence[str]


class Made(NamedTuple):
    """The outcome, the head after it, and a commit to keep under the ref `Conflict.kept`."""

    outcome: Changed | Conflict
    head: pygit2.Oid
    kept: pygit2.Oid | None = None


class Bench(NamedTuple):
    """Where a change is made: on `head`, by whom; texts of conflicts are kept under `kept_under`."""

    objects: Objects
    head: pygit2.Oid
    by: By
    kept_under: str

    def at(self, names: Names) -> Entry | None:
        """The file at `names` now.

        Raises:
            ToolRefused: a folder or a link is there.
        """
        found = entry_at(self.objects.repo, self.head, names)
        if found is not None and found.mode not in PLAIN:
            raise ToolRefused(f"{'/'.join(names[len(self.objects.root) :])!r} is a folder or a link, not a file")
        return found


def make(bench: Bench, edit: Edit) -> Made:
    """Make one change.

    Raises:
        ToolRefused: it cannot be made, as the message says.
    """
    match edit:
        case Write():
            return _write(bench, edit)
        case Replace():
            return _replace(bench, edit)
        case Append():
            return _append(bench, edit)
        case Delete():
            return _delete(bench, edit)
        case Move():
            return _move(bench, edit)
        case _:
            assert_never(edit)


def _write(bench: Bench, edit: Write) -> Made:
    names = bench.objects.names(edit.path)
    now, base = bench.at(names), bench.objects.version(edit.based_on)
    own = bench.objects.blob(edit.content)
    if base is not None and now is not None:  # only contents have versions: the mode is as it is now
        base = Entry(base.id, now.mode)
    if edit.executable is not None:
        own = Entry(own.id, FileMode.BLOB_EXECUTABLE if edit.executable else FileMode.BLOB)
    elif now is not None:
        own = Entry(own.id, now.mode)
    return _merged(bench, edit.path, names, (base, now, own))


def _merged(bench: Bench, path: str, names: Names, three: tuple[Entry | None, Entry | None, Entry]) -> Made:
    base, now, own = three
    try:
        result = merge_files(bench.objects.repo, base, now, own)
    except Clash:
        return _conflict(bench, path, names, three)
    assert result is not None  # our own is there, so what is made of it is
    return _changed(bench, path, names, result, merged=now not in (base, own))


def _changed(bench: Bench, path: str, names: Names, entry: Entry, *, merged: bool = False) -> Made:
    version = str(entry.id)
    if entry == bench.at(names):
        return Made(Changed(path=path, version=version, commit=str(bench.head), merged=merged), bench.head)
    head = bench.objects.commit([bench.head], [(names, entry)], f"write {path}", bench.by)
    return Made(Changed(path=path, version=version, commit=str(head), merged=merged), head)


def _conflict(bench: Bench, path: str, names: Names, three: tuple[Entry | None, Entry | None, Entry]) -> Made:
    base, now, own = three
    objects = bench.objects
    kept = objects.commit([bench.head], [(names, own)], f"kept: {path} of {bench.by.author}", bench.by)
    outcome = Conflict(
        path=path,
        base=objects.content(base),
        theirs=objects.content(now),
        own=objects.content(own) or b"",
        version=None if now is None else str(now.id),
        kept=f"{bench.kept_under}/{str(kept)[:16]}",
    )
    return Made(outcome, bench.head, kept)


def _replace(bench: Bench, edit: Replace) -> Made:
    if not edit.old:
        raise ToolRefused("the text to replace is empty; give a fragment that stands in the file once")
    names = bench.objects.names(edit.path)
    now = bench.at(names)
    if now is None:
        raise ToolRefused(f"there is no file {edit.path!r}; list the files, or write it")
    base = now
    if _text(bench, now, edit.path).count(edit.old) != 1 and edit.based_on is not None:
        version = bench.objects.version(edit.based_on)
        assert version is not None
        base = Entry(version.id, now.mode)
    text = _text(bench, base, edit.path)
    found = text.count(edit.old)
    if found != 1:
        times = "does not stand" if not found else f"stands {found} times"
        raise ToolRefused(
            f"the text to replace {times} in {edit.path!r}; read it again and give a longer, exact fragment"
        )
    own = bench.objects.blob(text.replace(edit.old, edit.new).encode(), now.mode)
    return _merged(bench, edit.path, names, (base, now, own))


def _append(bench: Bench, edit: Append) -> Made:
    names = bench.objects.names(edit.path)
    now = bench.at(names)
    before = bench.objects.content(now) or b""
    separator = b"\n" if before and not before.endswith(b"\n") else b""
    own = bench.objects.blob(before + separator + edit.text.encode())
    return _changed(bench, edit.path, names, Entry(own.id, own.mode if now is None else now.mode))


def _delete(bench: Bench, edit: Delete) -> Made:
    names = bench.objects.names(edit.path)
    now, base = bench.at(names), bench.objects.version(edit.based_on)
    if now is None:
        raise ToolRefused(f"there is no file {edit.path!r}")
    if base is None or base.id != now.id:
        changed = "has changed since" if base is not None else "is deleted only by its version"
        raise ToolRefused(f"{edit.path!r} {changed}; it is now at version {now.id}: read it, then delete that version")
    head = bench.objects.commit([bench.head], [(names, None)], f"delete {edit.path}", bench.by)
    return Made(Changed(path=edit.path, version=None, commit=str(head)), head)


def _move(bench: Bench, edit: Move) -> Made:
    source, target = bench.objects.names(edit.path), bench.objects.names(edit.to)
    now = bench.at(source)
    if now is None:
        raise ToolRefused(f"there is no file {edit.path!r}")
    if bench.at(target) is not None:
        raise ToolRefused(f"there is a file {edit.to!r} already; choose another name, or delete it first")
    changes = [(source, None), (target, now)]
    head = bench.objects.commit([bench.head], changes, f"move {edit.path} to {edit.to}", bench.by)
    return Made(Changed(path=edit.to, version=str(now.id), commit=str(head)), head)


def _text(bench: Bench, entry: Entry, path: str) -> str:
    try:
        return (bench.objects.content(entry) or b"").decode()
    except UnicodeDecodeError:
        raise ToolRefused(f"{path!r} is not text; write it as a whole") from None
