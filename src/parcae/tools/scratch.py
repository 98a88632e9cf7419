"""A folder for code that nobody trusts, which goes whatever was made in it. Knows no sandbox."""

from __future__ import annotations

import contextlib
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
