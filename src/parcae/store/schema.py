"""The tables of a journal file, and how an older file becomes a newer one. Knows nothing of what events mean."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from parcae.core.errors import StoreFailed

APPLICATION_ID = 0x50617263  # "Parc": tells our files from other SQLite files
MIGRATIONS = (
    """
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        scope TEXT NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_scope ON events (scope, kind);
    """,
)
VERSION = len(MIGRATIONS)  # migration n makes version n of version n-1


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the current version; one of an older version is copied to `PATH.vN.bak` first.

    Raises:
        StoreFailed: the file is of a newer version, or it is something else.
    """
    version, application_id, has_tables = _state(connection)
    if version > VERSION:
        raise StoreFailed(
            f"{path} has version {version}, this Parcae reads up to {VERSION}", "update Parcae, or name another --home"
        )
    if version == VERSION:
        return
    if application_id not in (0, APPLICATION_ID) or (version == 0 and has_tables):
        raise StoreFailed(f"{path} is not a journal of Parcae", "name another --home, or move the file away")
    if version:
        _back_up(connection, path.with_name(f"{path.name}.v{version}.bak"))
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _pragma(connection, "user_version")  # another process may have been faster
        for number in range(version, VERSION):
            for statement in MIGRATIONS[number].split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value = connection.execute(f"PRAGMA {name}").fetchone()[0]
    assert isinstance(value, int)
    return value


def _state(connection: sqlite3.Connection) -> tuple[int, int, bool]:
    """Version, application and whether there are tables, all at one moment: another process may be making them."""
    connection.execute("BEGIN")
    try:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return _pragma(connection, "user_version"), _pragma(connection, "application_id"), bool(tables)
    finally:
        connection.rollback()


def _back_up(connection: sqlite3.Connection, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as target:
        connection.backup(target)
