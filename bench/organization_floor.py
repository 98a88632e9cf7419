"""What the durable parts of a turn of `bench/organization.py` cost by themselves, with no organisation around them.

The rows of a whole run are taken from its journal: encoded again, searched for secrets again, and inserted again into
a new file in groups as large as those of 64 turns at a time. The objects of a write are made again in a new repository.
What remains of a turn is the organisation, the agents' loop, the ledger and the event loop.

    python bench/organization_floor.py [AGENTS]
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pygit2
from bench.organization import run_company

from parcae.core import events as core
from parcae.core.protocols import Event
from parcae.organization.events import KINDS, TurnStarted
from parcae.store.codec import decode, encode
from parcae.store.connection import connect
from parcae.store.redact import Redactor
from parcae.store.sqlite import SqliteJournal
from parcae.store.writer import INSERT, Row

ROWS_AT_ONCE = 64  # as many appends as turns at a time wait for one commit
FILES_OF_A_FOLDER = 100
WRITES = 300
KNOWN = {one.kind: one for one in (*KINDS, *vars(core).values()) if isinstance(getattr(one, "kind", None), str)}


async def rows_of_a_run(agents: int, folder: Path) -> tuple[int, list[Row]]:
    """How many turns a run took, and every row of its journal."""
    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        await run_company(agents, journal, folder)
        return len(await journal.read("run", [TurnStarted])), list(await journal.rows("run"))


def cpu_us(work: Callable[[], object], times: int, repeats: int = 5) -> float:
    """The least CPU of several repeats, in microseconds each of `times`."""
    least = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        work()
        least = min(least, time.process_time() - begun)
    return 1e6 * least / times


def encoding(rows: list[Row], turns: int) -> float:
    """Events to JSON without secrets."""
    events: list[Event] = [decode(KNOWN[kind], scope, body) for _, scope, kind, body in rows]
    redact = Redactor()
    return cpu_us(lambda: [redact.lines([encode(event)]) for event in events], turns)


def inserting(rows: list[Row], turns: int, folder: Path) -> float:
    """Rows into a journal's file, many at once."""
    number = 0

    def work() -> None:
        nonlocal number
        number += 1
        path = folder / f"floor-{number}.sqlite"
        connection: sqlite3.Connection = connect(path)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, rows[start : start + ROWS_AT_ONCE])
            connection.execute("COMMIT")
        connection.close()

    return cpu_us(work, turns, 3)


def objects(folder: Path) -> float:
    """A blob, three trees and a commit, as one write into a folder of a hundred files makes them."""
    repo = pygit2.init_repository(str(folder / "floor.git"), bare=True)
    who = pygit2.Signature("bench", "bench@example.invalid", 0, 0)
    number, parents = 0, list[pygit2.Oid]()
    inner = repo.TreeBuilder()
    for place in range(FILES_OF_A_FOLDER):
        inner.insert(f"a-0-{place}.md", repo.create_blob(str(place).encode()), pygit2.GIT_FILEMODE_BLOB)

    def work() -> None:
        nonlocal number
        for _ in range(WRITES):
            number += 1
            inner.insert("a-0-0.md", repo.create_blob(f"text {number}".encode()), pygit2.GIT_FILEMODE_BLOB)
            tree = inner.write()
            for name in ("0", "out"):
                outer = repo.TreeBuilder()
                outer.insert(name, tree, pygit2.GIT_FILEMODE_TREE)
                tree = outer.write()
            parents[:] = [repo.create_commit(None, who, who, f"write {number}", tree, list(parents))]

    return cpu_us(work, WRITES, 3)


def main() -> None:
    """Print the parts, in microseconds of CPU a turn."""
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.process_time()
        turns, rows = asyncio.run(rows_of_a_run(agents, folder))
        whole = time.process_time() - begun
        write = objects(folder)
        print(
            json.dumps(
                {
                    "agents": agents,
                    "turns": turns,
                    "rows_a_turn": round(len(rows) / turns, 1),
                    "whole_us": round(1e6 * whole / turns),
                    "encoding_us": round(encoding(rows, turns)),
                    "inserting_us": round(inserting(rows, turns, folder)),
                    "objects_us_a_write": round(write),
                    "objects_us": round(write * agents / turns),
                }
            )
        )


if __name__ == "__main__":
    main()
