"""Moves git's refs: several at once, each only from the value that was expected, durable before it returns.

Follows git's own protocol (`REF.lock`, then rename), so git and we may write to one repository. Knows nothing of
commits. It is here because libgit2 syncs either every object or nothing, one by one; one sync for many costs as much.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

if sys.platform != "win32":
    import fcntl

LOCK_SECONDS = 5.0
STALE_SECONDS = 2.0  # git holds a lock on a ref for milliseconds; one this old was left by a process that died
_OURS = "parcae.lock"


class Move(NamedTuple):
    """`ref` is to become `new`. `old` is what it must be now: None means that it must not exist; "" does not care."""

    ref: str
    old: str | None
    new: str


class Moved(Exception):
    """A signal: somebody else moved the ref (`args[0]`), so nothing was done."""


def publish(common: Path, moves: Sequence[Move], *, durable: bool = True) -> None:
    """Make all `moves` in the repository at `common`, after everything written before is durable.

    A crash leaves each ref at its old or at its new value, never anything else.

    Raises:
        Moved: a ref is not what was expected; none was moved.
        OSError: the disk failed or is full; none was moved, or it is not known which.
    """
    with _alone(common), contextlib.ExitStack() as undo:
        locks = []
        for move in moves:
            lock = _lock(common / move.ref, undo)
            if move.old != "" and _value(common, move.ref) != move.old:
                raise Moved(move.ref)
            lock.write_text(f"{move.new}\n", "ascii")
            locks.append((lock, common / move.ref))
        if durable:
            _sync(common)
        for lock, ref in locks:
            lock.rename(ref)
        if durable:
            _sync(common) if len(locks) > 1 else _sync_folder(locks[0][1].parent)


def _value(common: Path, ref: str) -> str | None:
    """The object that `ref` names: the loose file, else the line in packed-refs."""
    with contextlib.suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return (common / ref).read_text("ascii").strip()
    with contextlib.suppress(FileNotFoundError):
        for line in (common / "packed-refs").read_text("utf-8", errors="replace").splitlines():
            if line.endswith(f" {ref}"):
                return line.partition(" ")[0]
    return None


@contextlib.contextmanager
def _alone(common: Path) -> Iterator[None]:
    """No other process of ours moves refs meanwhile; the kernel lets go of this lock when a process dies."""
    with (common / _OURS).open("a") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock(ref: Path, undo: contextlib.ExitStack) -> Path:
    lock = ref.with_name(f"{ref.name}.lock")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            if _is_stale(lock):
                lock.unlink(missing_ok=True)
            if time.monotonic() > deadline:
                raise TimeoutError(errno.EBUSY, "another program holds the lock", str(lock)) from None
            time.sleep(0.01)
        else:
            undo.callback(lock.unlink, missing_ok=True)
            return lock


def _is_stale(lock: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return time.time() - lock.stat().st_mtime > STALE_SECONDS
    return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    """Everything written so far to the file system of `folder` is on the disk."""
    if not sys.platform.startswith("linux"):
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)
