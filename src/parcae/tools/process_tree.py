"""What a tree of processes uses together, read from Linux's /proc. Knows nothing of sandboxes.

Limits of the kernel (rlimits) bind one process, and root's process count not at all; so the tree is added up here.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from parcae.tools.sandbox import SandboxLimits

_PROC = Path("/proc")
_ROUNDS = 50  # of killing what forks faster than it is found
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def over_limit(root: int, limits: SandboxLimits) -> str | None:
    """The name of the limit that `root` and its descendants exceed together; None if none, or if nothing is known."""
    pids: list[int] = []
    cpu_ticks = resident = written = 0
    for pid in descendants(root):
        pids.append(pid)
        if len(pids) > limits.processes + 3:  # the sandbox itself, its init and the limiter
            return "processes"
        ticks, pages = _used(pid)
        cpu_ticks, resident = cpu_ticks + ticks, resident + pages * _PAGE
        written += _written_bytes(pid)
    if cpu_ticks / _TICKS > limits.cpu_seconds:
        return "cpu_seconds"
    if written > limits.written_bytes:
        return "written_bytes"
    if resident > limits.memory_bytes and sum(map(_own_bytes, pids)) > limits.memory_bytes:
        return "memory_bytes"
    return None


def descendants(root: int) -> Iterator[int]:
    """`root` and everything below it, parents first; empty where there is no /proc."""
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        try:
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208  # five times as fast as Path, and called often
        except OSError:
            continue
        yield pid
        for thread in threads:
            with contextlib.suppress(OSError):
                waiting += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())


def kill_marked(marker: str) -> None:
    """Kill every process of ours whose environment holds `marker`: those that left their group and parent."""
    wanted = marker.encode()
    for _ in range(_ROUNDS):
        found = [pid for pid in _all_pids() if wanted in _environment(pid)]
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def _all_pids() -> list[int]:
    return [int(name.name) for name in _PROC.iterdir() if name.name.isdigit()] if _PROC.is_dir() else []


def _environment(pid: int) -> bytes:
    """The variables that a process was started with; empty for one that is dead or another user's."""
    try:
        return (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return b""


def _used(pid: int) -> tuple[int, int]:
    """CPU ticks of a process and its collected children, and its resident pages."""
    try:
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return 0, 0
    return sum(map(int, fields[11:15])), int(fields[21])


def _own_bytes(pid: int) -> int:
    """Resident bytes of a process, where a page shared by n counts 1/n."""
    with contextlib.suppress(OSError):
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _written_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in _read(f"/proc/{pid}/io").splitlines():
            if line.startswith(b"write_bytes:"):
                return int(line.split()[1])
    return 0


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # called often
        return file.read(1 << 16)
