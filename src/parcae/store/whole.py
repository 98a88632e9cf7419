"""A file that is there whole or not at all: written beside its place, then moved."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from parcae.core.errors import CallerMistake, StoreFailed


def write_whole(file: Path, content: str | bytes) -> None:
    """Put `content` in the place of `file`, with the folders above it; text is written in UTF-8.

    Raises:
        CallerMistake: `file` is a folder, a device or the like.
        StoreFailed: it cannot be written; what was there before is still there.
    """
    _refuse_irregular(file)
    draft = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        draft.replace(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreFailed(f"{file} cannot be written: {reason}", "make room, or name another file") from error


def check_place(file: Path, *, inputs: Iterable[Path] = ()) -> None:
    """Refuse at once, before any work, what `write_whole` would refuse at its end; and to replace one of `inputs`.

    Raises:
        CallerMistake: `file` is one of `inputs`, a folder, a device or the like, or lies in what is no folder.
        StoreFailed: its folder may not be written to.
    """
    _refuse_irregular(file)
    for one in inputs:
        if file.exists() and one.exists() and file.samefile(one):
            raise CallerMistake(f"{file} would replace what is read", "name another file")
    folder = next(above for above in file.absolute().parents if above.exists())
    if not folder.is_dir():
        raise CallerMistake(f"{file} cannot be written: {folder} is no folder", "name another file")
    if not os.access(folder, os.W_OK):
        raise StoreFailed(f"{file} cannot be written: {folder} may not be written to", "name another file")


def _refuse_irregular(file: Path) -> None:
    if file.exists() and not file.is_file():
        what = "is a folder" if file.is_dir() else "is no regular file"
        raise CallerMistake(f"{file} cannot be written: it {what}", "name a file")
