"""Lists of runs; runs that leave for a file and come back; runs that are deleted."""

from __future__ import annotations

import json
import sqlite3
from contextlib import aclosing, closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.agents.echo import TASK, Thinker, role

from parcae.agents.loop import Agent
from parcae.core.errors import CallerMistake, StoreFailed
from parcae.core.events import CallStarted, OutcomeGiven, RunDeleted, RunEnded, RunStarted
from parcae.core.protocols import Journal
from parcae.core.scope import Scope
from parcae.core.usage import Limits, Price
from parcae.ledger.account import open_account
from parcae.ledger.restore import restore
from parcae.store.forget import forget
from parcae.store.memory import MemoryJournal
from parcae.store.replay import rebuild
from parcae.store.runs import runs_in
from parcae.store.sqlite import SqliteJournal
from parcae.store.transfer import export_run, import_run
from parcae.testing.clock import StillClock
from parcae.testing.workers import shown

CHEAP = Price(prompt_usd=1.0, completion_usd=2.0)


async def work(journal: Journal, run: str, *, steps: int | None = None, price: Price | None = CHEAP) -> Scope:
    """One attempt of the echo agent, whole or cut after `steps`, as a command journals it."""
    await journal.append([RunStarted(scope=run, command="words", task=TASK, seed=1)])
    limits = Limits(usd=1.0) if price is not None else Limits(tokens=1_000_000)
    account = open_account(run, limits, journal)
    scope = Scope(id=run, account=account, journal=journal, clock=StillClock(), seed=1).child("attempt-1")
    model = Thinker()
    model._card = replace(model._card, price=price)
    done = 0
    async with aclosing(Agent(role()).attempt(TASK, model=model, scope=scope)) as following:
        async for step in following:
            done += 1
            if done == steps:
                break
            if step.ending is not None:
                await journal.append([RunEnded(scope=run, status="done")])
    return scope


async def test_a_list_says_how_runs_stand_and_what_they_cost() -> None:
    journal = MemoryJournal()
    first = await work(journal, "a")
    await work(journal, "b", steps=2)
    await work(journal, "c", price=None)
    await journal.append([OutcomeGiven(scope="a", success=False)])
    c, b, a = await runs_in(journal)
    assert (a.run, a.command, a.status, a.steps, a.right) == ("a", "words", "done", 5, False)
    assert a.spent_usd == pytest.approx(first.account.spent.usd) and a.spent_usd > 0
    assert (b.status, b.steps, b.right) == ("unfinished", 2, None)
    assert c.spent_usd is None
    assert [one.run for one in await runs_in(journal, "b")] == ["b"]


async def test_an_exported_run_comes_back_whole_in_another_journal_and_goes_on_there(tmp_path: Path) -> None:
    async with SqliteJournal.open(tmp_path / "one.sqlite") as journal:
        await work(journal, "run", steps=2)
        lines = list(await export_run(journal, "run"))
        before = await rebuild(journal, "run/attempt-1", TASK.id)
    header = json.loads(lines[0])
    assert header["schema"] == "parcae.run/1"
    assert header["events"] == len(lines) - 1
    async with SqliteJournal.open(tmp_path / "two.sqlite") as journal:
        assert await import_run(journal, lines) == "run"
        assert await import_run(journal, lines, name="twin") == "twin"
        assert list(map(json.loads, await export_run(journal, "run"))) == list(map(json.loads, lines))
        account = await restore("twin", Limits(usd=1.0), journal)
        scope = Scope(id="twin", account=account, journal=journal, clock=StillClock(), seed=1).child("attempt-1")
        there = await rebuild(journal, scope.id, TASK.id)
        assert shown(there.steps) == shown(before.steps)
        async for _ in Agent(role()).attempt(TASK, model=Thinker(), so_far=there.steps, scope=scope):
            pass
        assert (await rebuild(journal, scope.id, TASK.id)).ending is not None


async def test_what_is_no_exported_run_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    async with SqliteJournal.open(tmp_path / "journal.sqlite") as journal:
        await work(journal, "run")
        lines = list(await export_run(journal, "run"))
        newer = lines[0].replace("parcae.run/1", "parcae.run/2")
        foreign = lines[-1].replace('"scope": "run', '"scope": "another')
        for wrong, why in (
            ([], "not an exported run|no JSON object"),
            (["[]"], "no JSON object"),
            ([newer, *lines[1:]], "update Parcae"),
            (lines[:-1], "were announced"),
            ([*lines[:-1], foreign], "no event of"),
            ([*lines[:-1], "{"], "no JSON object"),
            (lines, "already.*--as"),
        ):
            with pytest.raises(CallerMistake, match=why):
                await import_run(journal, wrong)
        with pytest.raises(CallerMistake, match="slash"):
            await import_run(journal, lines, name="a/b")
        with pytest.raises(CallerMistake, match="no run"):
            await export_run(journal, "")
        assert [one.run for one in await runs_in(journal)] == ["run"]


async def test_a_deleted_run_is_gone_from_the_disk_and_places_never_run_backwards(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    async with SqliteJournal.open(file) as journal:
        await work(journal, "keep")
        await work(journal, "gone")
        await journal.append([OutcomeGiven(scope="gone", success=True, source="a word to look for")])
        [last] = await journal.read("gone", [OutcomeGiven])
        assert await forget(journal, ["gone"]) > 5
        assert [one.run for one in await runs_in(journal)] == ["keep"]
        [tombstone] = await journal.read("", [RunDeleted], after=last.seq)
        assert tombstone.event.scope == "gone"
        await journal.append([CallStarted(scope="keep", step=9, call_id="c")])
        assert (await journal.read("keep", [CallStarted], after=tombstone.seq))[0].seq > tombstone.seq
    assert b"a word to look for" not in b"".join(one.read_bytes() for one in tmp_path.iterdir())


async def test_a_run_that_somebody_works_on_is_not_deleted_nor_are_the_others_named_with_it(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    async with SqliteJournal.open(file) as one:
        await work(one, "busy")
        async with SqliteJournal.open(file) as other:
            await work(other, "mine")
            with pytest.raises(StoreFailed, match="another process"):
                await forget(other, ["mine", "busy"])
            with pytest.raises(CallerMistake, match="no run 'nobody'"):
                await forget(other, ["mine", "nobody"])
            assert {found.run for found in await runs_in(other)} == {"busy", "mine"}


async def test_deleting_gives_the_space_back(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    async with SqliteJournal.open(file) as journal:
        await work(journal, "keep")
        filler = [OutcomeGiven(scope="gone", success=True, source="x" * 10_000) for _ in range(200)]
        await journal.append(filler)
        await forget(journal, ["gone"])
    assert file.stat().st_size < 500_000
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
