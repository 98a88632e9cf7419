"""A folder for code that nobody trusts: it goes whatever was made in it, and files in it are read with care.

Knows no sandbox.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new folder that only this user may enter; it is removed when the block ends."""
    holder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    folder = Path(holder.name)
    try:
        yield folder
    finally:
        with contextlib.suppress(RecursionError):
            holder.cleanup()
        if folder.exists():  # folders in it lie deeper than Python goes
            subprocess.run(["rm", "-rf", "--", str(folder)], capture_output=True, check=False)


def left_in(path: Path, most_bytes: int) -> bytes | None:
    """What was written to the file; None if there is none. Whatever else lies there (a link, a pipe) is not opened."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(handle, "rb") as file:  # noqa: PTH123  # a handle
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > most_bytes:
            return None
        return file.read()
