"""Steps until somebody stops: the iterator is closed whoever ends it, and whatever it is at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from parcae.core.trajectory import Step
from parcae.jobs.world import until


async def test_whoever_is_cancelled_in_mid_step_is_cancelled_and_the_steps_are_closed() -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def steps() -> AsyncIterator[Step]:
        try:
            begun.set()
            await asyncio.Event().wait()
            yield Step(model="m")
        finally:
            closed.set()

    async def follow() -> None:
        async for _ in until(asyncio.Event(), steps()):
            pass

    following = asyncio.create_task(follow())
    await begun.wait()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert closed.is_set()
