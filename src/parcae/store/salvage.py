"""Saves what can still be read of a damaged journal file into a new one that takes its place.

The damaged file is kept beside it. Knows nothing of what events mean.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from parcae.core.errors import StoreFailed
from parcae.store.connection import connect

FIRST_GUESS = 1 << 40  # where the last row may lie when the file cannot say
MOST_FAULTS = 50_000  # queries that fail before the rest is given up
FETCHED = 4096  # rows at once
INSERT = "INSERT INTO events (seq, at, scope, kind, body) VALUES (?, ?, ?, ?, ?)"
_Row = tuple[int, float, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What became of a damaged journal: `kept` is where the damaged file lies now."""

    saved: int
    lost: int
    kept: Path


def salvage(path: Path) -> Salvaged:
    """Put a sound journal in the place of the damaged one at `path`. `lost` counts gaps and entries that are no JSON.

    Raises:
        StoreFailed: there is no file, or nothing in it can be read as a journal.
    """
    if not path.is_file():
        raise StoreFailed(f"there is no journal at {path}", "name another --home")
    draft, kept = path.with_name(f"{path.name}.salvage"), _free_name(path)
    for suffix in ("", "-wal", "-shm"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    try:
        saved, lost = _copy(path, draft)
    except sqlite3.Error as error:
        raise StoreFailed(f"{path} cannot be read as a journal: {error}", "name another --home") from error
    for suffix in ("-wal", "-shm"):
        log = path.with_name(path.name + suffix)
        if log.exists():
            log.rename(kept.with_name(kept.name + suffix))
    path.rename(kept)
    draft.rename(path)
    return Salvaged(saved=saved, lost=lost, kept=kept)


def _free_name(path: Path) -> Path:
    number = 1
    while (name := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return name


def _copy(path: Path, draft: Path) -> tuple[int, int]:
    saved = lost = 0
    last = 0
    with closing(sqlite3.connect(path)) as damaged, closing(connect(draft)) as sound:
        sound.execute("BEGIN IMMEDIATE")
        for row in _readable(damaged, 1, _highest(damaged)):
            lost += row[0] - last - 1
            last = row[0]
            if _is_entry(row):
                sound.execute(INSERT, row)
                saved += 1
            else:
                lost += 1
        sound.execute("COMMIT")
        sound.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sound.execute("PRAGMA journal_mode = DELETE")  # nothing beside the file while it is renamed
    return saved, lost


def _highest(damaged: sqlite3.Connection) -> int:
    """The place of the last row, from the table, else from its index, else a guess."""
    for hint in ("", "INDEXED BY events_by_scope"):
        try:
            return int(damaged.execute(f"SELECT max(seq) FROM events {hint}").fetchone()[0] or 0)
        except sqlite3.DatabaseError as error:
            if "no such table" in str(error) or getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
                raise
    return FIRST_GUESS


def _readable(damaged: sqlite3.Connection, low: int, high: int) -> Iterator[_Row]:
    """Every row from `low` to `high` that can be read: a range that cannot is halved until the fault is alone."""
    query = "SELECT seq, at, scope, kind, body FROM events WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"
    ranges, faults = [(low, high)], 0
    while ranges and faults < MOST_FAULTS:
        low, high = ranges.pop()
        try:
            rows = damaged.execute(query, (low, high, FETCHED)).fetchall()
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            faults += 1
            if low < high:
                middle = (low + high) // 2
                ranges += [(middle + 1, high), (low, middle)]
            continue
        yield from rows
        if len(rows) == FETCHED:
            ranges.append((rows[-1][0] + 1, high))


def _is_entry(row: _Row) -> bool:
    try:
        body = json.loads(row[4])
    except (ValueError, TypeError):
        return False
    return isinstance(body, dict) and isinstance(row[2], str) and isinstance(row[3], str)
