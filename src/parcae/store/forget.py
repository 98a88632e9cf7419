"""Deletes runs from a journal file: all of each or nothing, overwritten and not only unlinked.

Where a run was, one event says that it was deleted, so that places in the journal never run backwards and whoever
follows it by its tail hears of it. Knows nothing of what events mean.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from parcae.core.errors import CallerMistake
from parcae.core.events import RunDeleted
from parcae.store.codec import encode
from parcae.store.connection import connect
from parcae.store.sqlite import SqliteJournal, within
from parcae.store.trouble import explained
from parcae.store.writer import INSERT


async def forget(journal: SqliteJournal, runs: Sequence[str]) -> int:
    """Delete `runs`; returns how many events went.

    Raises:
        CallerMistake: one of them is not there; then none is deleted.
        StoreFailed: another process works on one of them, or the file cannot be written; then none is deleted.
    """
    for run in runs:
        if not run or "/" in run or not await journal.rows(run):
            raise CallerMistake(f"there is no run {run!r}", "see `parcae runs list`")
        journal.claim(run)
    return await asyncio.to_thread(_forget, journal.path, runs, time.time())


def _forget(path: Path, runs: Sequence[str], at: float) -> int:
    try:
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            gone = _delete(connection, runs, at)
            with suppress(sqlite3.Error):  # the runs are gone; that the file is still large is no failure
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.execute("PRAGMA busy_timeout = 0")
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return gone
    except sqlite3.Error as error:
        raise explained(path, error) from error


def _delete(connection: sqlite3.Connection, runs: Sequence[str], at: float) -> int:
    total = 0
    connection.execute("BEGIN IMMEDIATE")
    try:
        for run in runs:
            where, values = within(run, below=True)
            [count] = connection.execute(f"SELECT count(*) FROM events WHERE {where}", values).fetchone()
            deleted = encode(RunDeleted(scope=run, events=count)).decode()
            here = connection.execute(INSERT, (at, run, RunDeleted.kind, deleted)).lastrowid
            connection.execute(f"DELETE FROM events WHERE {where} AND seq < ?", [*values, here])
            total += count
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return total
