"""The journal file: versions, damage, full disks, other processes, group commit."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from parcae.core.errors import StoreFailed
from parcae.core.events import CallStarted, OutcomeGiven
from parcae.store import schema
from parcae.store.connection import connect
from parcae.store.redact import HIDDEN, Redactor
from parcae.store.salvage import salvage
from parcae.store.sqlite import SqliteJournal
from parcae.testing.journals import noted, one_of_each, sources

# version 1 exactly as it was released: the oldest file that we must read
VERSION_ONE = """
CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, scope TEXT NOT NULL, kind TEXT NOT NULL,
  body TEXT NOT NULL) STRICT;
CREATE INDEX events_by_scope ON events (scope, kind);
PRAGMA user_version = 1;
PRAGMA application_id = 1348563555;
INSERT INTO events VALUES (1, 1e9, 'run', 'outcome.given/1', '{"success":true,"source":"0"}');
"""


def started(scope: str, number: int = 0) -> CallStarted:
    return CallStarted(scope=scope, step=number, call_id="c")


def python(code: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=check, timeout=60)


async def filled(file: Path, events: int) -> None:
    async with SqliteJournal.open(file) as journal:
        await asyncio.gather(*(journal.append([noted("run", number)]) for number in range(events)))


async def read_back(file: Path) -> list[str]:
    async with SqliteJournal.open(file) as journal:
        return sources(await journal.read("run", [OutcomeGiven]))


async def test_the_file_and_its_folder_are_the_users_own(tmp_path: Path) -> None:
    file = tmp_path / "home" / "journal.sqlite"
    await filled(file, 1)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


async def test_the_oldest_version_is_read(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(VERSION_ONE)
    assert await read_back(file) == ["0"]


async def test_an_older_version_migrates_after_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "journal.sqlite"
    await filled(file, 3)
    later = "CREATE TABLE marks (seq INTEGER PRIMARY KEY) STRICT;"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, later))  # there is no second version yet
    monkeypatch.setattr(schema, "VERSION", 2)
    assert await read_back(file) == ["0", "1", "2"]
    with closing(sqlite3.connect(file)) as now, closing(sqlite3.connect(f"{file}.v1.bak")) as before:
        assert now.execute("PRAGMA user_version").fetchone() == (2,)
        assert before.execute("PRAGMA user_version").fetchone() == (1,)
        assert before.execute("SELECT count(*) FROM events").fetchone() == (3,)


async def test_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    await filled(file, 1)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreFailed, match=r"version 99.*update Parcae"):
        await read_back(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


@pytest.mark.parametrize("content", [b"", b"plain text, not a database" * 50])
async def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "journal.sqlite"
    if content:
        file.write_bytes(content)
    else:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE somebody_elses (x)")
    with pytest.raises(StoreFailed, match="not a journal"):
        await read_back(file)


async def test_a_run_that_another_process_works_on_is_refused_until_it_ends(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    code = """
import asyncio, sys
from parcae.core.events import CallStarted
from parcae.store.sqlite import SqliteJournal
async def main():
    async with SqliteJournal.open(sys.argv[1]) as journal:
        await journal.append([CallStarted(scope="run", step=0, call_id="c")])
        print("written", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""
    command = [sys.executable, "-c", code, str(file)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    assert other.stdin is not None and other.stdout is not None
    with other:
        assert other.stdout.readline() == "written\n"
        async with SqliteJournal.open(file) as journal:
            with pytest.raises(StoreFailed, match="another process is working on the run 'run'"):
                await journal.append([started("run/attempt-1")])
            await journal.append([started("run-2")])
            other.kill()
            other.wait()
            await journal.append([started("run/attempt-1")])


async def test_a_torn_tail_loses_only_what_was_never_acknowledged(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    code = """
import asyncio, os, sys
from parcae.core.events import OutcomeGiven
from parcae.store.sqlite import SqliteJournal
async def main():
    async with SqliteJournal.open(sys.argv[1]) as journal:
        for number in range(5):
            await journal.append([OutcomeGiven(scope="run", success=True, source=str(number))])
        os._exit(9)
asyncio.run(main())
"""
    python(code, file, check=False)
    log = file.with_name(f"{file.name}-wal")
    frames = log.read_bytes().rstrip(b"\0")
    log.write_bytes(frames[: len(frames) - 100])  # the last frame is torn
    found = await read_back(file)
    assert found == [str(number) for number in range(4)]
    async with SqliteJournal.open(file) as journal:
        await journal.append([noted("run", 4)])
    assert await read_back(file) == [str(number) for number in range(5)]


async def test_a_damaged_file_is_named_with_its_cure_and_what_can_be_read_is_saved(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    await filled(file, 3000)
    damaged = bytearray(file.read_bytes())
    middle = len(damaged) // 2 // 4096 * 4096
    damaged[middle : middle + 4096] = b"\xff" * 4096
    file.write_bytes(damaged)
    with pytest.raises(StoreFailed, match=r"damaged.*salvage"):
        await read_back(file)
    done = salvage(file)
    assert done.kept.read_bytes() == bytes(damaged)
    found = await read_back(file)
    assert len(found) == done.saved >= 2800
    assert done.saved + done.lost == 3000
    assert found == [str(number) for number in range(3000) if str(number) in set(found)]


async def test_an_entry_that_is_no_event_any_more_is_named(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    await filled(file, 2)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE events SET body = '{\"success\":' WHERE seq = 2")
    with pytest.raises(StoreFailed, match=r"outcome\.given/1"):
        await read_back(file)
    assert salvage(file).lost == 1
    assert await read_back(file) == ["0"]


def test_nothing_is_salvaged_from_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="no journal"):
        salvage(tmp_path / "journal.sqlite")
    (tmp_path / "text").write_text("not a journal" * 100)
    with pytest.raises(StoreFailed, match="cannot be read as a journal"):
        salvage(tmp_path / "text")


def test_a_full_disk_is_one_sentence_and_keeps_everything_before(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    code = """
import asyncio, resource, sys
from parcae.core.errors import StoreFailed
from parcae.core.events import OutcomeGiven
from parcae.store.sqlite import SqliteJournal
async def main():
    done = 0
    async with SqliteJournal.open(sys.argv[1]) as journal:
        await journal.append([OutcomeGiven(scope="run", success=True, source="begun")])
        resource.setrlimit(resource.RLIMIT_FSIZE, (9 << 20, resource.RLIM_INFINITY))
        try:
            for number in range(100):
                batch = [OutcomeGiven(scope="run", success=True, source=str(number).ljust(60000)) for _ in range(5)]
                await journal.append(batch)
                done += 1
        except StoreFailed as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await journal.append([OutcomeGiven(scope="run", success=True, source="space again")])
        found = await journal.read("run", [OutcomeGiven])
        print(done, len(found) == 1 + 5 * done + 1, found[-1].event.source)
asyncio.run(main())
"""
    said = python(code, file).stdout.splitlines()
    assert "the disk is full; free some space" in said[0]
    done, whole, last = said[1].split(" ", 2)
    assert int(done) > 0
    assert (whole, last) == ("True", "space again")


async def test_appends_that_wait_together_are_committed_together(tmp_path: Path) -> None:
    async with SqliteJournal.open(tmp_path / "journal.sqlite") as journal:
        commits: list[str] = []
        journal._writer._connection.set_trace_callback(commits.append)  # what is counted is the file's own doing
        await asyncio.gather(*(journal.append([noted("run", number)]) for number in range(500)))
        assert sum(statement == "COMMIT" for statement in commits) <= 5


async def test_secrets_never_reach_the_file(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    key, mine = "sk-" + "a1B2" * 8, "my own secret"
    redact = Redactor(["other"])
    redact.hide(mine)
    async with SqliteJournal.open(file, redact=redact) as journal:
        await journal.append([OutcomeGiven(scope="run", success=True, source=f"{key} and {mine} and Bearer {key}")])
        [found] = await journal.read("run", [OutcomeGiven])
    assert HIDDEN in found.event.source
    written = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert key.encode() not in written
    assert mine.encode() not in written


@pytest.mark.parametrize("word", ["2345", "true"])
async def test_a_secret_that_looks_like_a_number_leaves_the_journal_readable(tmp_path: Path, word: str) -> None:
    redact = Redactor([word])
    event = OutcomeGiven(scope="run", success=True, source=f"a {word} b")
    async with SqliteJournal.open(tmp_path / "journal.sqlite", redact=redact) as journal:
        await journal.append([event])
        [found] = await journal.read("run", [OutcomeGiven])
    assert (found.event.success, found.event.source) == (True, f"a {HIDDEN} b")
    assert json.loads(redact.json(b'{"tokens":1234567,"of":"card 1234567"}')) == (
        {"tokens": 1234567, "of": f"card 1{HIDDEN}67" if word == "2345" else "card 1234567"}
    )
    assert redact.text(f"{word}") == HIDDEN


def test_a_number_to_hide_leaves_nothing_of_a_longer_secret_that_holds_it() -> None:
    token = "sk-" + "a1b2c3d4e5" * 3 + "2345" + "f6g7h8i9j0" * 2
    redact = Redactor(["2345", "my-2345-name"])
    for secret in ("my-2345-name", token):
        assert json.loads(redact.json(json.dumps({"said": f"a {secret} b"}).encode())) == {"said": f"a {HIDDEN} b"}
        assert redact.text(f"a {secret} b") == f"a {HIDDEN} b"


async def test_events_of_a_later_minor_version_are_read_without_what_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    await filled(file, 1)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute('UPDATE events SET body = \'{"success":true,"source":"x","unheard_of":[1]}\'')
    assert await read_back(file) == ["x"]


async def test_two_event_loops_may_use_journals_of_one_file(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"

    def elsewhere(run: str) -> None:
        async def write() -> None:
            async with SqliteJournal.open(file) as journal:
                for event in one_of_each(run):
                    await journal.append([event])

        asyncio.run(write())

    await asyncio.gather(*(asyncio.to_thread(elsewhere, f"run-{number}") for number in range(3)))
    async with SqliteJournal.open(file) as journal:
        assert len(await journal.read("", [CallStarted])) == 3


async def test_what_comes_after_the_end_of_a_journal_is_refused(tmp_path: Path) -> None:
    async with SqliteJournal.open(tmp_path / "journal.sqlite") as journal:
        waiting = asyncio.ensure_future(journal.append([noted("run", 0)]))
        await asyncio.sleep(0)
    await waiting
    with pytest.raises(StoreFailed, match="is closed"):
        await journal.append([noted("run", 1)])
    assert await read_back(journal.path) == ["0"]


def test_a_file_that_another_process_sets_up_meanwhile_is_a_journal(tmp_path: Path) -> None:
    """Between any two statements of ours the other is done with it."""
    for moment in range(1, 8):
        file = tmp_path / f"{moment}.sqlite"
        ours = sqlite3.connect(file, isolation_level=None)
        ours.execute("PRAGMA journal_mode = WAL")
        seen: list[str] = []

        def meanwhile(statement: str, file: Path = file, seen: list[str] = seen, moment: int = moment) -> None:
            seen.append(statement)
            if len(seen) == moment and not any("IMMEDIATE" in one for one in seen):
                connect(file).close()

        ours.set_trace_callback(meanwhile)
        schema.prepare(ours, file)
        assert ours.execute("SELECT count(*) FROM events").fetchone() == (0,)
        ours.close()
