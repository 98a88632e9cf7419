"""A file that is there whole or not at all: written beside its place, then moved."""

from __future__ import annotations

import os
from pathlib import Path

from parcae.core.errors import StoreFailed


def write_whole(file: Path, content: str | bytes) -> None:
    """Put `content` in the place of `file`, with the folders above it; text is written in UTF-8.

    Raises:
        StoreFailed: it cannot be written; what was there before is still there.
    """
    draft = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        draft.replace(file)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreFailed(f"{file} cannot be written: {reason}", "make room, or name another file") from error
