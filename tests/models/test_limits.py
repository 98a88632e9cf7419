"""How many calls of a model are under way, and how many begin in a minute."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from parcae.models.limits import WINDOW_SECONDS, Gate, Rates
from parcae.testing.clock import StillClock


async def passed(rates: Rates, tokens: list[int]) -> list[tuple[float, int]]:
    """When each call began, in the order in which they began; every call takes a tenth of a second."""
    gate, clock = Gate(rates), StillClock()
    begun: list[tuple[float, int]] = []

    async def call(size: int) -> None:
        async with gate.passing(size, clock):
            begun.append((clock.now(), size))
            await clock.sleep(0.1)

    await asyncio.gather(*map(call, tokens))
    return begun


async def test_no_more_requests_begin_in_any_minute_than_allowed() -> None:
    begun = await passed(Rates(requests_per_minute=3), [1] * 10)
    times = [at for at, _ in begun]
    assert len(times) == 10
    assert all(later - earlier >= WINDOW_SECONDS for earlier, later in zip(times, times[3:], strict=False))


@given(st.lists(st.integers(1, 100), max_size=12))
def test_no_more_tokens_begin_in_any_minute_than_allowed(tokens: list[int]) -> None:
    begun = asyncio.run(passed(Rates(tokens_per_minute=100), tokens))
    assert [size for _, size in begun] == tokens  # first come, first served
    for at, _ in begun:
        assert sum(size for when, size in begun if at - WINDOW_SECONDS < when <= at) <= 100


async def test_a_call_that_alone_is_over_the_limit_goes_when_the_minute_is_empty() -> None:
    begun = await passed(Rates(tokens_per_minute=100), [60, 500, 10])
    assert [size for _, size in begun] == [60, 500, 10]
    assert all(later - earlier >= WINDOW_SECONDS for (earlier, _), (later, _) in pairwise(begun))


async def test_calls_wait_for_a_slot_in_the_order_in_which_they_came() -> None:
    gate, clock, most, under_way, order = Gate(Rates(concurrency=2)), StillClock(), 0, 0, list[int]()

    async def call(number: int) -> None:
        nonlocal most, under_way
        async with gate.passing(1, clock):
            order.append(number)
            under_way += 1
            most = max(most, under_way)
            await clock.sleep(1)
            under_way -= 1

    await asyncio.gather(*map(call, range(7)))
    assert most == 2
    assert order == list(range(7))


async def test_a_cancelled_call_gives_its_slot_back() -> None:
    gate, clock, inside = Gate(Rates(concurrency=1)), StillClock(), asyncio.Event()

    async def stuck() -> None:
        async with gate.passing(1, clock):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(stuck())
    await inside.wait()
    waiting = asyncio.ensure_future(gate.passing(1, clock).__aenter__())
    await asyncio.sleep(0)
    assert not waiting.done()
    task.cancel()
    await waiting
