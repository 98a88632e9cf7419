"""Group commit: what waits is written in one transaction, synced once, and whoever waits is woken together.

A thread does it, so that a slow disk holds nobody up. But a commit on a good disk takes 0.13 ms and handing it to a
thread costs half as much again, so as long as commits are that short, one that few wait for is done on the spot. Knows
nothing of events.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue

from parcae.core.errors import StoreFailed
from parcae.store.trouble import explained

Row = tuple[float, str, str, str]  # at, scope, kind, body
Waiting = tuple[list[Row], "asyncio.Future[None]"]

INSERT = "INSERT INTO events (at, scope, kind, body) VALUES (?, ?, ?, ?)"
MOST_ROWS = 20_000  # in one transaction
FEW = 4  # appends that may be committed on the spot
SHORT_SECONDS = 0.0005  # a commit that may hold the event loop up
BUSY_SECONDS = 30.0  # other processes may write before we give up
AHEAD_BYTES = 8 << 20  # of the write-ahead log: a sync that must not grow the file takes half the time


class Writer:
    """Owns the only writing connection of a journal. `on_the_spot`: short commits may hold the event loop up."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, on_the_spot: bool = True) -> None:
        self._path, self._connection = path, connection
        self._few = FEW if on_the_spot else 0
        self._gathered: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
        self._queue: SimpleQueue[list[Waiting] | None] = SimpleQueue()
        self._handing = threading.Lock()
        self._handed = 0  # batches that the thread was given and has not finished
        self._seconds = 0.0  # what a commit took lately
        self._closed = False
        self._grow_ahead()
        self._thread = threading.Thread(target=self._run, name=f"journal {path.name}", daemon=True)
        self._thread.start()

    def write(self, rows: list[Row]) -> asyncio.Future[None]:
        """Take `rows` now, in the order of the calls; the future is done when they are durable.

        It raises StoreFailed if they are not, none of them.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if self._closed:
            done.set_exception(_closed(self._path))
            return done
        gathered = self._gathered.get(loop)
        if gathered is None:
            self._gathered[loop] = [(rows, done)]
            loop.call_soon(self._flush, loop)  # after everybody who can run now has had a turn
        else:
            gathered.append((rows, done))
        return done

    def close(self) -> None:
        """Write what waits, then end the thread. Whoever appends later is refused."""
        with self._handing:
            self._closed = True
            for loop in list(self._gathered):
                self._queue.put(self._gathered.pop(loop))
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._handing:
            batch = self._gathered.pop(loop, None)
            if batch is None:  # it was closed meanwhile, and has written this
                return
            if self._closed:
                _settle(batch, _closed(self._path))
                return
            if len(batch) <= self._few and self._seconds < SHORT_SECONDS and self._handed == 0:
                try:
                    _settle(batch, self._commit(batch))
                    return
                except _Busy:
                    pass
            self._handed += 1
            self._queue.put(batch)

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            handed, last = self._more(batch)
            failed = self._commit_in_turn(batch)
            with self._handing:
                self._handed -= handed
            _wake(batch, failed)
            if last:
                return

    def _more(self, batch: list[Waiting]) -> tuple[int, bool]:
        """Add to `batch` what else waits; how many batches it is now, and whether the journal closes after it."""
        handed, rows = 1, sum(len(one) for one, _ in batch)
        while rows < MOST_ROWS:
            try:
                more = self._queue.get_nowait()
            except Empty:
                return handed, False
            if more is None:
                return handed, True
            batch += more
            rows += sum(len(one) for one, _ in more)
            handed += 1
        return handed, False

    def _commit_in_turn(self, batch: list[Waiting]) -> StoreFailed | None:
        """Commit as soon as no other process writes."""
        deadline, pause = time.monotonic() + BUSY_SECONDS, 0.001
        while True:
            try:
                return self._commit(batch)
            except _Busy as busy:
                if time.monotonic() > deadline:
                    return explained(self._path, busy.error)
                time.sleep(pause)
                pause = min(2 * pause, 0.05)

    def _commit(self, batch: list[Waiting]) -> StoreFailed | None:
        """Commit now: why it failed, None if it did not. Raises _Busy if another process is writing."""
        begun = time.perf_counter()
        try:
            self._insert(batch)
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise _Busy(error) from None
            return explained(self._path, error)
        self._seconds += (time.perf_counter() - begun - self._seconds) / 4
        return None

    def _insert(self, batch: list[Waiting]) -> None:
        execute = self._connection.execute
        if len(batch) == 1 and len(batch[0][0]) <= FEW:  # one statement is a transaction of its own
            rows = batch[0][0]
            execute(INSERT + ", (?, ?, ?, ?)" * (len(rows) - 1), tuple(chain.from_iterable(rows)))
            return
        execute("BEGIN IMMEDIATE")
        self._connection.executemany(INSERT, chain.from_iterable(rows for rows, _ in batch))
        execute("COMMIT")

    def _grow_ahead(self) -> None:
        """Make the log as large as it will get, while nobody else can write to it."""
        log = self._path.with_name(f"{self._path.name}-wal")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            with log.open("r+b") as file:
                size = file.seek(0, 2)
                if size < AHEAD_BYTES:
                    file.write(bytes(AHEAD_BYTES - size))
                    file.flush()
                    os.fsync(file.fileno())
        except (OSError, sqlite3.OperationalError):
            return  # no room, or another process is writing: then it grows as it is used
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _closed(path: Path) -> StoreFailed:
    return StoreFailed(f"the journal {path} is closed", "what comes after its end is not written")


class _Busy(Exception):
    """A signal from a commit: another process is writing."""

    def __init__(self, error: sqlite3.Error) -> None:
        self.error = error


def _wake(batch: list[Waiting], failed: StoreFailed | None) -> None:
    """Tell each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
    for waiting in batch:
        by_loop.setdefault(waiting[1].get_loop(), []).append(waiting)
    for loop, mine in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, mine, failed)
        except RuntimeError:
            continue  # that loop was closed while it waited; its rows are written all the same


def _settle(batch: list[Waiting], failed: StoreFailed | None) -> None:
    for _, done in batch:
        if done.done():
            continue
        if failed is None:
            done.set_result(None)
        else:
            done.set_exception(failed)
