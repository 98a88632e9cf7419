"""The journal in one SQLite file: many runs, many readers, one writing thread for each open journal.

Events are encoded where they are appended and handed to the thread, which writes all that wait in one transaction and
syncs once for all (group commit). Whoever appended is woken when the sync is done. Knows nothing of what events mean.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from parcae.core.events import OutcomeGiven, RunDeleted
from parcae.core.protocols import E, Event, Recorded
from parcae.store.claims import Claims
from parcae.store.codec import decode, encode
from parcae.store.connection import connect
from parcae.store.redact import Redactor
from parcae.store.trouble import explained
from parcae.store.writer import Row, Writer

ANYBODY = frozenset({OutcomeGiven.kind})  # may be added to a run that another process works on


class SqliteJournal:
    """A Journal in one SQLite file. Opened by `SqliteJournal.open`."""

    def __init__(self, path: Path, redact: Redactor, now: Callable[[], float], on_the_spot: bool) -> None:
        self.path = path
        self._redact, self._now = redact, now
        self._reader = connect(path)
        self._reading = threading.Lock()
        self._claims = Claims(path.with_name(f"{path.name}.claims"))
        self._claimed: set[str] = set()
        self._writer = Writer(path, connect(path, busy_seconds=0), on_the_spot=on_the_spot)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path | str,
        *,
        redact: Redactor | None = None,
        now: Callable[[], float] = time.time,
        on_the_spot: bool = True,
    ) -> AsyncIterator[SqliteJournal]:
        """The journal at `path`, made with its folder if it is new, until the block ends.

        Args:
            path: the file; beside it SQLite keeps `-wal` and `-shm`, and we keep `.claims`.
            redact: what must never be written; known shapes of keys by default.
            now: gives Unix seconds.
            on_the_spot: commits that usually take less than 0.5 ms may hold the event loop up, instead of a thread.

        Raises:
            StoreFailed: the file is damaged, of a newer version, or may not be written.
        """
        file = Path(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            journal = await asyncio.to_thread(cls, file, redact or Redactor(), now, on_the_spot)
        except sqlite3.Error as error:
            raise explained(file, error) from error
        except OSError as error:
            raise _cannot_open(file, error) from error
        try:
            yield journal
        finally:
            await asyncio.shield(asyncio.to_thread(journal._close))

    async def append(self, events: Sequence[Event]) -> None:
        """Write all of `events` or none; durable when this returns. Cancelling the wait does not unwrite them.

        Raises:
            StoreFailed: the disk is full, the file is damaged, or another process works on the run.
        """
        if not events:
            return
        for event in events:
            run = event.scope.partition("/")[0]
            if run not in self._claimed and event.kind not in ANYBODY and not getattr(event, "by_anybody", False):
                self.claim(run)
        bodies, at = self._redact.lines([encode(event) for event in events]), self._now()
        rows = [(at, event.scope, event.kind, body) for event, body in zip(events, bodies, strict=True)]
        await self._writer.write(rows)

    def claim(self, run: str) -> None:
        """Make sure that nobody else writes to `run` until this journal is closed. The first append does it too.

        Raises:
            StoreFailed: another process works on it.
        """
        self._claims.take(run)
        self._claimed.add(run)

    async def read(
        self, scope: str, kinds: Sequence[type[E]], *, after: int = 0, below: bool = True
    ) -> Sequence[Recorded[E]]:
        """The events of `kinds` in `scope` (and below it), in order, with `seq` above `after`.

        Raises:
            StoreFailed: the file is damaged.
        """
        by_name = {kind.kind: kind for kind in kinds}
        return await asyncio.to_thread(self._read, scope, by_name, after, below)

    def _read(self, scope: str, kinds: dict[str, type[E]], after: int, below: bool) -> Sequence[Recorded[E]]:
        where, values = within(scope, below=below)
        marks = ", ".join("?" * len(kinds))
        wanted = f"{where} AND kind IN ({marks}) AND seq > ?"
        query = f"SELECT seq, at, scope, kind, body FROM events WHERE {wanted} ORDER BY seq"
        rows = self._fetch(query, [*values, *kinds, after])
        return [
            Recorded(seq=seq, at=at, event=decode(kinds[kind], inside, body)) for seq, at, inside, kind, body in rows
        ]

    # ---- rows as they lie in the file, for export and import

    async def rows(self, run: str) -> Sequence[Row]:
        """All that the journal holds of `run`, in order; not that it was deleted.

        Raises:
            StoreFailed: the file is damaged.
        """
        where, values = within(run, below=True)
        query = f"SELECT at, scope, kind, body FROM events WHERE {where} AND kind != ? ORDER BY seq"
        return await asyncio.to_thread(self._fetch, query, [*values, RunDeleted.kind])

    async def append_rows(self, rows: Sequence[Row]) -> None:
        """Write rows of another journal, all or none, without secrets, at the times when they happened.

        Raises:
            StoreFailed: the disk is full, the file is damaged, or another process works on the run.
        """
        for run in {scope.partition("/")[0] for _, scope, _, _ in rows}:
            self.claim(run)
        hide = self._redact.json
        await self._writer.write(
            [(at, scope, kind, hide(body.encode("utf-8", "replace")).decode()) for at, scope, kind, body in rows]
        )

    def _fetch(self, query: str, values: Sequence[object]) -> list[Any]:
        try:
            with self._reading:
                return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise explained(self.path, error) from error

    def _close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._claims.close()


def within(scope: str, *, below: bool) -> tuple[str, list[str]]:
    """The condition for `scope`, and all below it; "" is above every run."""
    if not below:
        return "scope = ?", [scope]
    if not scope:
        return "1", []
    return "(scope = ? OR (scope > ? AND scope < ?))", [scope, f"{scope}/", f"{scope}0"]  # "0" follows "/"


def _cannot_open(file: Path, error: OSError) -> Exception:
    from parcae.core.errors import StoreFailed

    reason = os.strerror(error.errno) if error.errno else str(error)
    return StoreFailed(f"{file} cannot be opened: {reason}", "check its folder, or name another --home")
