"""Cancelling ends what was begun: model calls, tools, and the processes that tools started (contract 12)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil
import pytest
from tests.agents.echo import TASK, role

from parcae.agents.loop import Agent
from parcae.core.events import AttemptEnded, Settled
from parcae.core.protocols import Request
from parcae.core.scope import Scope
from parcae.core.usage import Limits
from parcae.ledger.account import open_account
from parcae.models.scripted import ScriptedModel, call, say
from parcae.store.memory import MemoryJournal
from parcae.testing.clock import StillClock
from parcae.tools.function import function_tool
from parcae.tools.sandbox import Bind, Sandbox, find_sandbox


async def begun(agent: Agent, model: ScriptedModel, until: asyncio.Event) -> tuple[MemoryJournal, asyncio.Task[None]]:
    """An attempt under way in a task of its own, as far as `until`."""
    journal = MemoryJournal()
    account = open_account("run", Limits(usd=1.0), journal)
    scope = Scope(id="run", account=account, journal=journal, clock=StillClock(), seed=1)

    async def follow() -> None:
        async for _ in agent.attempt(TASK, model=model, scope=scope):
            pass

    task = asyncio.create_task(follow())
    await until.wait()
    return journal, task


async def cancelled(task: asyncio.Task[None]) -> float:
    """Seconds from the cancellation to the end."""
    begun_at = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - begun_at


def sandboxes() -> list[Sandbox]:
    return [find_sandbox(True), find_sandbox(False)]


@pytest.mark.parametrize("walls", [False, True])
async def test_the_processes_of_a_tool_die_with_its_attempt(walls: bool, tmp_path: Path) -> None:
    sandbox, running = sandboxes()[walls], asyncio.Event()

    async def sleep() -> str:
        """Sleep in a child of a child."""
        running.set()
        await sandbox.run(["sh", "-c", "sleep 987 & sleep 987; true"], cwd=tmp_path, binds=[Bind(path=tmp_path)])
        return "awake"

    agent = Agent(role(tools=(function_tool(sleep, effect="read"),), first_call=None))
    journal, task = await begun(agent, ScriptedModel("m", [call("sleep")]), running)
    while not task.done() and not sleepers():  # noqa: ASYNC110  # another process cannot set an event
        await asyncio.sleep(0.01)
    assert await cancelled(task) < 2
    assert sleepers() == []
    [ended] = await journal.read("run", [AttemptEnded])
    assert ended.event.ending.reason == "cancelled"


def sleepers() -> list[int]:
    """Every `sleep 987` below this process or orphaned by it."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        if process.info["cmdline"] == ["sleep", "987"] and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info["pid"])
    return found


async def test_a_cancelled_call_to_a_model_is_settled_at_its_worst() -> None:
    asked = asyncio.Event()

    async def never(request: Request) -> object:
        asked.set()
        await asyncio.Event().wait()
        return say("")

    journal, task = await begun(Agent(role(first_call=None)), ScriptedModel("m", [never]), asked)  # type: ignore[list-item]  # never answers
    assert await cancelled(task) < 2
    [settled] = await journal.read("run", [Settled])
    assert settled.event.known is False
