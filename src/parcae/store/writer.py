"""The thread that writes: takes all that waits, commits it in one transaction, wakes those who wait. Knows no events."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from queue import Empty, SimpleQueue

from parcae.core.errors import StoreFailed
from parcae.store.trouble import explained

Row = tuple[float, str, str, str]  # at, scope, kind, body

INSERT = "INSERT INTO events (at, scope, kind, body) VALUES (?, ?, ?, ?)"
MOST_ROWS = 20_000  # in one transaction
AHEAD_BYTES = 8 << 20  # of the write-ahead log: a sync that must not grow the file takes half the time

Waiting = tuple[list[Row], "asyncio.Future[None]"]


class Writer:
    """Owns the only writing connection of a journal."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._grow_ahead()
        self._thread = threading.Thread(target=self._run, name=f"journal {path.name}", daemon=True)
        self._thread.start()

    async def write(self, rows: list[Row]) -> None:
        """Wait until `rows` are durable.

        Raises:
            StoreFailed: they are not, none of them.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put((rows, done))
        await done

    def close(self) -> None:
        """Write what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch, last = self._gather(first)
            failed = self._commit(batch)
            _wake(batch, failed)
            if last:
                return

    def _gather(self, first: Waiting) -> tuple[list[Waiting], bool]:
        batch, count, take = [first], len(first[0]), self._queue.get_nowait
        while count < MOST_ROWS:
            try:
                item = take()
            except Empty:
                return batch, False
            if item is None:
                return batch, True
            batch.append(item)
            count += len(item[0])
        return batch, False

    def _commit(self, batch: list[Waiting]) -> StoreFailed | None:
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for rows, _ in batch:
                for row in rows:
                    execute(INSERT, row)
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            return explained(self._path, error)
        return None

    def _grow_ahead(self) -> None:
        """Make the log as large as it will get, while nobody else can write to it."""
        log = self._path.with_name(f"{self._path.name}-wal")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            with log.open("r+b") as file:
                size = file.seek(0, 2)
                if size < AHEAD_BYTES:
                    file.write(bytes(AHEAD_BYTES - size))
        except OSError:
            return  # then it grows as it is used
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _wake(batch: list[Waiting], failed: StoreFailed | None) -> None:
    """Tell each event loop once."""
    loops = {done.get_loop() for _, done in batch}
    for loop in loops:
        mine = [done for _, done in batch if done.get_loop() is loop] if len(loops) > 1 else [done for _, done in batch]
        try:
            loop.call_soon_threadsafe(_settle, mine, failed)
        except RuntimeError:
            continue  # that loop was closed while it waited; its rows are written all the same


def _settle(waiting: list[asyncio.Future[None]], failed: StoreFailed | None) -> None:
    for done in waiting:
        if done.done():
            continue
        if failed is None:
            done.set_result(None)
        else:
            done.set_exception(failed)
