"""Who may write to a run: one journal at a time, and never two processes. Knows nothing of SQLite.

A claim is a lock on one byte of a file beside the journal, at an offset made from the run's name. The system drops it
when the process ends, however it ends, so no claim outlives its owner and none has to be broken by hand.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import sys
from pathlib import Path

from parcae.core.errors import StoreFailed


class Claims:
    """The runs that this journal may write to."""

    def __init__(self, file: Path) -> None:
        self._fd = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        self._runs: set[str] = set()

    def take(self, run: str) -> None:
        """Claim `run`; nothing happens if this journal has it already.

        Raises:
            StoreFailed: another process, or another journal of this one, has it.
        """
        if run in self._runs:
            return
        if not _lock(self._fd, _offset(run)):
            raise StoreFailed(
                f"another process is working on the run {run!r}", "wait for it or end it; two would pay twice"
            )
        self._runs.add(run)

    def close(self) -> None:
        """Give every run back."""
        os.close(self._fd)


def _offset(run: str) -> int:
    digest = hashlib.blake2b(run.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (2 if sys.platform != "win32" else 34)


def _lock(fd: int, offset: int) -> bool:
    if sys.platform == "win32":
        return _lock_on_windows(fd, offset)
    import fcntl

    try:
        if hasattr(
            fcntl, "F_OFD_SETLK"
        ):  # belongs to this open file, so two journals of one process exclude each other
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0))
        else:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _lock_on_windows(fd: int, offset: int) -> bool:  # pragma: no cover
    import msvcrt

    try:
        os.lseek(fd, offset, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    return True
