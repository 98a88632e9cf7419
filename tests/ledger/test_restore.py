from __future__ import annotations

import pytest

from parcae.core.errors import BudgetExceeded
from parcae.core.usage import Amount, Limits
from parcae.ledger.account import open_account
from parcae.ledger.restore import Drawn, restore
from parcae.store.memory import MemoryJournal

CENT = Amount(usd=0.01, tokens=10, calls=1)
LIMITS = Limits(usd=1.0)
ONE_AT_A_TIME = Amount()


async def test_what_was_settled_is_spent_again_and_a_call_of_unknown_outcome_counts_at_its_worst() -> None:
    journal = MemoryJournal()
    account = open_account("run", LIMITS, journal, block=ONE_AT_A_TIME)
    ended = await account.child("a").reserve(CENT)
    await journal.append([ended.settle(Amount(usd=0.004, calls=1))])
    await account.child("a").reserve(CENT)
    again = await restore("run", LIMITS, journal, block=ONE_AT_A_TIME)
    assert (again.spent.usd, again.spent.calls, again.child("a").spent.usd) == (0.014, 2, 0.014)
    twice = await restore("run", LIMITS, journal, block=ONE_AT_A_TIME)
    assert twice.spent == again.spent


async def test_what_is_left_of_an_open_block_counts_as_spent_unless_somebody_kept_count() -> None:
    for kept in (False, True):
        journal = MemoryJournal()
        account = open_account("run", LIMITS, journal, block=Amount(usd=0.05, tokens=50, calls=5))
        ended, flying = await account.reserve(CENT), await account.reserve(CENT)
        await journal.append([ended.settle(Amount(usd=0.004, calls=1))])
        assert flying.block is not None
        drawn = [Drawn(scope="run", reservation=flying.id, block=flying.block, held=CENT)]
        again = await restore("run", LIMITS, journal, drawn=drawn if kept else None)
        assert again.spent.usd == (0.014 if kept else 0.05)
        assert (await restore("run", LIMITS, journal)).spent == again.spent


async def test_a_call_that_was_settled_before_the_crash_is_not_counted_twice() -> None:
    journal = MemoryJournal()
    account = open_account("run", LIMITS, journal, block=Amount(usd=0.05, tokens=50, calls=5))
    call = await account.reserve(CENT)
    assert call.block is not None
    drawn = [Drawn(scope="run", reservation=call.id, block=call.block, held=CENT)]
    await journal.append([call.settle(Amount(usd=0.004, calls=1))])
    assert (await restore("run", LIMITS, journal, drawn=drawn)).spent.usd == 0.004


async def test_a_restored_account_holds_its_limit_and_never_gives_a_reservation_an_old_name() -> None:
    journal = MemoryJournal()
    account = open_account("run", LIMITS, journal, block=ONE_AT_A_TIME)
    first = await account.reserve(Amount(usd=0.9, calls=1))
    await journal.append([first.settle(Amount(usd=0.9, calls=1))])
    again = await restore("run", LIMITS, journal, block=ONE_AT_A_TIME)
    second = await again.reserve(CENT)
    assert second.id != first.id
    second.settle(CENT)
    with pytest.raises(BudgetExceeded):
        await again.reserve(Amount(usd=0.2, calls=1))


async def test_a_limit_beyond_all_counting_is_none() -> None:
    for usd in (float("inf"), 1e300, 1e308):
        account = open_account("run", Limits(usd=usd, calls=1), MemoryJournal())
        assert account.limited == {"calls"}


async def test_limits_given_to_a_restored_child_bind_it() -> None:
    journal = MemoryJournal()
    account = open_account("run", Limits(), journal)
    child = account.child("day", Limits(usd=0.5))
    call = await child.reserve(CENT)
    await journal.append([call.settle(CENT)])
    again = await restore("run", Limits(), journal)
    assert again.child("day", Limits(usd=0.5)).limited == {"usd"}
