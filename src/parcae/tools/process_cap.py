"""A hard cap on how many processes a command and all it starts may be, held by the kernel.

For most users the process limit of `prlimit` is that cap. It does not bind root, so for root a control group is made,
where this machine lets us; elsewhere only the watching of the tree is left (`process_tree`). Knows no sandbox.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

_ROOTS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))  # version 1, version 2
_JOIN = 'echo $$ > "$0" && exec "$@"'
_OWN = 4  # the sandbox itself, its init, the limiter and the one who joins
_ROUNDS = 50
_numbers = itertools.count(1)


@contextlib.contextmanager
def capped(command: Sequence[str], processes: int) -> Iterator[list[str]]:
    """Gives `command` as it must be started so that it and all below it are at most `processes`.

    The group goes when the block ends; whatever still lives in it has been killed by then.
    """
    root = _group_root()
    if root is None:
        yield list(command)
        return
    group = root / f"parcae-{os.getpid()}-{next(_numbers)}"
    try:
        group.mkdir()
        (group / "pids.max").write_text(str(processes + _OWN))
    except OSError:
        yield list(command)
        return
    try:
        yield ["/bin/sh", "-c", _JOIN, str(group / "cgroup.procs"), *command]
    finally:
        _remove(group)


@cache
def _group_root() -> Path | None:
    """Where groups can be made; None if we are not root (then nobody needs one) or may not."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    for root in _ROOTS:
        probe = root / f"parcae-{os.getpid()}-probe"
        try:
            probe.mkdir()
        except OSError:
            continue
        works = (probe / "pids.max").is_file()
        probe.rmdir()
        if works:
            return root
    return None


def _remove(group: Path) -> None:
    """Take the group away as soon as the kernel has buried its last process."""
    for _ in range(_ROUNDS):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.002)
        else:
            return
