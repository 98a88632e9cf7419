"""SQLite's errors as sentences with a cure. Knows nothing of what was being done."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from parcae.core.errors import StoreFailed

_CURES = (
    (("SQLITE_FULL", "SQLITE_IOERR_WRITE"), "the disk is full", "free some space and run `parcae runs resume`"),
    (("SQLITE_BUSY", "SQLITE_LOCKED"), "another process has been writing for too long", "end it, then try again"),
    (("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"), "the file may not be written", "mend its permissions"),
    (("SQLITE_CANTOPEN",), "the file cannot be opened", "check that its folder exists and may be written"),
    (("SQLITE_NOTADB",), "the file is not a journal", "move it away, or name another --home"),
    (("SQLITE_CORRUPT",), "the file is damaged", "`parcae runs salvage` saves every entry that can still be read"),
    (("SQLITE_IOERR",), "the disk failed", "check the disk, then run `parcae runs resume`"),
)


def explained(path: Path, error: sqlite3.Error) -> StoreFailed:
    """What to tell the user about `error` on the journal at `path`."""
    name = getattr(error, "sqlite_errorname", None) or ""
    for prefixes, what, cure in _CURES:
        if name.startswith(prefixes):
            return StoreFailed(f"{path}: {what}", cure)
    return StoreFailed(f"{path}: {error}", "check the file and its disk")
