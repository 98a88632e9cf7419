"""What a command keeps where no process's books show it: file systems in memory, and files there without a name.

The kernel counts writes to disks by process, but none to a tmpfs, which /tmp is on many systems. Finding out is a walk,
so it is made only when the machine's own sums have grown by more than the command may write. Linux; knows no sandbox.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from parcae.tools.process_tree import descendants

_CLOCK_SECONDS = 0.02  # by so much the times of files may lie behind the clock
_BLOCK = 512  # bytes; the unit of st_blocks, whatever the file system
_ANYTHING = 1 << 62  # bytes
_CLOSED = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)

Kept = tuple[tuple[int, int], int]  # device and inode of a file, with its bytes


class Unbooked:
    """Watches the `folders` that one command may write into, from now on.

    What is kept counts: bytes in the place of others in memory add nothing. A file that the command changed counts
    whole, and so does one that others changed there meanwhile.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._since = time.time() - _CLOCK_SECONDS
        self._least = self._sums()

    def exceed(self, root: int, most_bytes: int) -> bool:
        """Whether `root` and its descendants keep more than `most_bytes` in the folders and in nameless files."""
        sums = self._sums()
        self._least = [min(pair) for pair in zip(sums, self._least, strict=True)]
        if all(now - least <= most_bytes for now, least in zip(sums, self._least, strict=True)):
            return False
        self._least = sums  # others may have grown: look again when as much has come once more
        return sum(dict(self._found(root)).values()) > most_bytes

    def _sums(self) -> list[int]:
        """Bytes in use: on each folder's file system, and of shared memory on this machine."""
        used = [_shared_memory()]
        for folder in self._folders:
            try:
                now = os.statvfs(folder)
            except OSError:
                used.append(0)
            else:
                used.append((now.f_blocks - now.f_bfree) * now.f_frsize)
        return used

    def _found(self, root: int) -> Iterator[Kept]:
        for folder in self._folders:
            yield from _changed(folder, self._since)
        yield from _nameless(descendants(root))


def _changed(folder: Path, since: float) -> Iterator[Kept]:
    """A folder that may not be read, or lies too deep, may hold anything, so it counts as more than any limit."""
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError as error:
            if error.errno in _CLOSED:
                yield (0, 0), _ANYTHING
                return
            continue  # it went meanwhile
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                own = entry.stat(follow_symlinks=False)
                if own.st_ctime >= since:
                    yield _counted(own)


def _nameless(pids: Iterable[int]) -> Iterator[Kept]:
    """Open files that no folder holds any more, or ever did."""
    for pid in pids:
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    own = entry.stat()
                    if stat.S_ISREG(own.st_mode) and own.st_nlink == 0:
                        yield _counted(own)


def _counted(own: os.stat_result) -> Kept:
    return (own.st_dev, own.st_ino), own.st_blocks * _BLOCK


def _shared_memory() -> int:
    with contextlib.suppress(OSError), open("/proc/meminfo", "rb", buffering=0) as file:  # noqa: PTH123  # called often
        _, _, rest = file.read(1 << 14).partition(b"Shmem:")
        return int(rest.split(maxsplit=1)[0]) * 1024
    return 0
