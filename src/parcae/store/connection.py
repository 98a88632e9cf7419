"""A connection to a journal file, set up the one way that is durable and shared. Knows nothing of events."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from parcae.store.schema import prepare

BUSY_SECONDS = 30.0


def connect(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open `path`, made or migrated if need be: write-ahead log, every commit synced, any thread.

    Opening waits for other processes as long as it takes; later statements wait at most `busy_seconds`.

    Raises:
        StoreFailed: the file is of a newer version, or something else.
        sqlite3.Error: it cannot be opened, or it is damaged.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return _connect(path, busy_seconds)
        except sqlite3.OperationalError as error:
            # SQLite does not wait when two processes set up one new file at once
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    new = not path.exists()
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        if new:
            path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        prepare(connection, path)
        connection.execute(f"PRAGMA busy_timeout = {busy_seconds * 1000:.0f}")
    except BaseException:
        connection.close()
        raise
    return connection
