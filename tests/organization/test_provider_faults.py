"""A provider that refuses most calls for a while, or answers ten times slower, on a clock that costs no time."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
from collections.abc import AsyncIterator, Callable

import pytest
from tests.organization.running import outcome_of
from tests.organization.scripts import company, model, writer
from tests.organization.test_failures import _boss_of_many

from parcae.core.errors import ProviderFailed
from parcae.core.events import StepReplied
from parcae.core.protocols import Model, ModelCard, OnText, Reply, Request
from parcae.organization.limits import CompanyLimits
from parcae.testing.workers import RUN

WRITERS = 12
LATENCY_SECONDS = 2.0
LIMITS = CompanyLimits(concurrent=4)


class Stormy:
    """Answers 429 whenever `refuses` says so; otherwise asks `inner`."""

    def __init__(self, inner: Model, refuses: Callable[[], bool]) -> None:
        self.inner, self.refuses, self.refused = inner, refuses, 0

    @property
    def card(self) -> ModelCard:
        return self.inner.card

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        if self.refuses():
            self.refused += 1
            raise ProviderFailed("429 too many requests", "try later", may_retry=True, retry_after_seconds=1.0)
        return await self.inner.reply(request, on_text)


class VirtualClock:
    """Time that moves on to the next sleeper's end as soon as nobody else has anything to do."""

    def __init__(self) -> None:
        self.at, self._sleepers, self._count = 1_000_000_000.0, list[tuple[float, int, asyncio.Event]](), 0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        awake = asyncio.Event()
        heapq.heappush(self._sleepers, (self.at + seconds, self._count, awake))
        await awake.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()

    async def _run(self) -> None:
        while True:
            for _ in range(50):  # more rounds of the loop than anybody needs from waking to sleeping again
                await asyncio.sleep(0)
            if self._sleepers:
                until, _, awake = heapq.heappop(self._sleepers)
                self.at = max(self.at, until)
                awake.set()


class Slow:
    """Takes `seconds` of `clock` for each reply of `inner`."""

    def __init__(self, inner: Model, clock: VirtualClock, seconds: float) -> None:
        self.inner, self.clock, self.seconds = inner, clock, seconds

    @property
    def card(self) -> ModelCard:
        return self.inner.card

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        await self.clock.sleep(self.seconds)
        return await self.inner.reply(request, on_text)


def clever() -> Model:
    return model("clever", {"boss": _boss_of_many(WRITERS), "w": writer})


@pytest.mark.parametrize("seed", range(5))
async def test_a_storm_of_429s_delays_and_loses_nothing(seed: int) -> None:
    rng = random.Random(seed)
    stormy = Stormy(clever(), lambda: rng.random() < 0.6)
    outcome = await outcome_of(company(stormy, limits=LIMITS), stormy)
    assert outcome.ending.reason == "answered"
    assert [outcome.status(f"w-{number}") for number in range(1, WRITERS + 1)] == ["done"] * WRITERS
    assert stormy.refused > WRITERS
    replies = [one.event.cost_usd or 0.0 for one in await outcome.journal.read(RUN, [StepReplied])]
    assert outcome.spent_usd == pytest.approx(sum(replies))  # a refused call costs nothing
    assert {detector for _, detector, _ in outcome.cures} <= {"failed"}


async def test_a_storm_that_never_ends_ends_the_run_with_its_reason_and_without_cost() -> None:
    stormy = Stormy(clever(), lambda: True)
    outcome = await outcome_of(company(stormy, limits=LIMITS), stormy)
    assert outcome.ending.reason == "failed"
    assert "failed" in {detector for _, detector, _ in outcome.cures}
    assert outcome.spent_usd == 0.0
    assert stormy.refused < 100


async def run_at(latency_seconds: float, limits: CompanyLimits) -> tuple[object, float, float, list[object]]:
    clock = VirtualClock()
    slow = Slow(clever(), clock, latency_seconds)
    begin = clock.now()
    async with clock.running():
        outcome = await outcome_of(company(slow, limits=limits), slow, clock=clock)
    return outcome.ending.reason, outcome.spent_usd, clock.now() - begin, list(outcome.cures)


async def test_ten_times_the_latency_takes_ten_times_as_long_and_changes_nothing_else() -> None:
    reason, spent_usd, seconds, cures = await run_at(LATENCY_SECONDS, LIMITS)
    slow = await run_at(10 * LATENCY_SECONDS, LIMITS)
    assert (reason, cures) == ("answered", [])
    assert (slow[0], slow[3]) == (reason, cures)
    assert slow[1] == pytest.approx(spent_usd, rel=0.2)  # who reads what in one turn depends on what came in meanwhile
    assert slow[2] == pytest.approx(10 * seconds, rel=0.2)


async def test_under_a_deadline_ten_times_the_latency_is_wound_up_in_time() -> None:
    _, _, seconds, _ = await run_at(LATENCY_SECONDS, LIMITS)
    reason, _, took_seconds, _ = await run_at(10 * LATENCY_SECONDS, CompanyLimits(concurrent=4, seconds=3 * seconds))
    assert reason in ("answered", "limit")
    assert took_seconds <= 3 * seconds + 10 * LATENCY_SECONDS
