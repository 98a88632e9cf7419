"""What a killed process leaves in its table of calls gets into the journal, once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parcae.core.events import AttemptStarted, Settled, StepCompleted
from parcae.core.protocols import Event
from parcae.core.usage import Amount
from parcae.gateway.flights import Flights
from parcae.gateway.lines import completed, settled
from parcae.gateway.revive import recover
from parcae.store.memory import MemoryJournal
from parcae.store.redact import Redactor

BOOT = b"boot-1"
DAY = "gateway/days/alice/2026-01-01"


def answer_of(number: int) -> Sequence[Event]:
    """What the journal is to be told of call `number`."""
    spent = Settled(scope=DAY, reservation=f"{DAY}#{number}", actual=Amount(usd=number / 7, calls=1))
    run = f"gateway/runs/alice/t/t-{number}"
    return (AttemptStarted(scope=run, model="m"), completed(run, 0, "m"), settled(spent))


def depart(table: Flights, number: int) -> int:
    return table.depart(DAY, f"{DAY}#{number}", f"{DAY}#1+", Amount(usd=1.0, calls=1))


async def told(journal: MemoryJournal) -> list[Event]:
    kinds: list[type[Event]] = [AttemptStarted, StepCompleted, Settled]
    return [entry.event for entry in await journal.read("gateway", kinds)]


@settings(deadline=None, max_examples=60)
@given(st.permutations(range(1, 7)), st.integers(0, 6), st.integers(0, 6), st.booleans())
def test_every_answer_gets_into_the_journal_once_in_its_order(
    order: list[int], committed: int, landed: int, killed_again: bool
) -> None:
    import asyncio
    import tempfile

    async def crash(folder: Path) -> None:
        table, journal = Flights(folder / "flights", BOOT), MemoryJournal()
        slots = {number: depart(table, number) for number in range(1, 7)}
        for number in order:
            assert table.answer(slots[number], answer_of(number))
        for number in order[:committed]:
            await journal.append(answer_of(number))
        table.land([slots[number] for number in order[: min(landed, committed)]])
        table.close()
        for _ in range(1 + killed_again):
            again = Flights(folder / "flights", BOOT)
            await recover(journal, again)
            again.close()
        expected = MemoryJournal()
        for number in order:
            await expected.append(answer_of(number))
        assert await told(journal) == await told(expected)

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(crash(Path(name)))


async def test_a_call_without_an_answer_leaves_nothing_to_write(tmp_path: Path) -> None:
    table = Flights(tmp_path / "flights", BOOT)
    slot = depart(table, 1)
    table.answer(slot, answer_of(1))
    table.land([slot])
    assert depart(table, 2) == slot  # the same place: what stood there is gone
    table.close()
    again, journal = Flights(tmp_path / "flights", BOOT), MemoryJournal()
    assert again.kept == () or not again.kept
    assert await recover(journal, again) == 0
    left = again.left(DAY)
    assert left is not None and [one.reservation for one in left] == [f"{DAY}#2"]
    again.close()


@pytest.mark.parametrize("boot", [b"boot-2", b""])
async def test_an_answer_of_another_boot_is_worth_nothing(tmp_path: Path, boot: bytes) -> None:
    table = Flights(tmp_path / "flights", BOOT)
    table.answer(depart(table, 1), answer_of(1))
    table.close()
    again = Flights(tmp_path / "flights", boot)
    assert await recover(MemoryJournal(), again) == 0
    again.close()


def test_what_is_too_long_for_the_table_is_left_to_the_journal(tmp_path: Path) -> None:
    table = Flights(tmp_path / "flights", BOOT)
    slot = depart(table, 1)
    assert not table.answer(slot, [completed("gateway/runs/alice/t/t-1", 0, "m" * 4000)])
    assert table.answer(slot, answer_of(1))
    table.close()


def test_the_table_holds_no_secrets(tmp_path: Path) -> None:
    table = Flights(tmp_path / "flights", BOOT, Redactor(["my own secret"]))
    table.answer(depart(table, 1), [completed("gateway/runs/alice/t/t-1", 0, "my own secret")])
    table.close()
    held = (tmp_path / "flights").read_bytes()
    assert b"my own secret" not in held and b"[redacted]" in held
