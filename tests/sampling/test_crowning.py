"""The winner of a group is chosen once: whatever its check says after a crash, nobody else's files and calls count."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic_ai.messages import ModelResponse
from tests.agents.echo import TASK, role
from tests.agents.test_loop import sender

from parcae.agents.loop import Agent
from parcae.core.protocols import Journal, Request, Tool
from parcae.core.scope import Scope
from parcae.core.trajectory import Trajectory
from parcae.hotswap.policies import Never
from parcae.models.scripted import ScriptedModel, call, say
from parcae.prediction.rule import RuleForecaster
from parcae.sampling.group import Group
from parcae.sampling.outbox import release
from parcae.store.memory import MemoryJournal
from parcae.store.replay import rebuild
from parcae.testing.crashes import Crash, MortalJournal
from parcae.testing.workers import RUN, scope_in

UNLIKE = replace(TASK, comparable=False)


def wavering(tool: Tool, best: str, enough: float | None) -> Group:
    """Two attempts that each want to send; the check, like a test that fails now and then, likes `best` best."""

    def next_line(request: Request) -> ModelResponse:
        return [call("send", text="me"), say("."), say("dddd")][len(request.messages) // 2]

    async def check(trajectory: Trajectory, scope: Scope) -> float:
        return 1.0 if scope.id.endswith(best) else 0.5

    async def let_out(scope: Scope) -> None:
        await release(scope, {"send": tool})

    return Group(
        worker=Agent(role(tools=(tool,), first_call=None)),
        ladder=(ScriptedModel("m", iter(lambda: next_line, None)),),
        attempts=2,
        policy=Never(),
        forecaster=RuleForecaster(),
        check=check,
        release=let_out,
        enough=enough,
    )


async def live(group: Group, journal: Journal) -> None:
    """One life of the group: it goes on from where its journal ends."""
    so_far = (await rebuild(journal, RUN, UNLIKE.id)).steps
    if so_far and so_far[-1].ending is not None:
        return
    scope = await scope_in(journal)
    async for _ in group.attempt(UNLIKE, model=group.ladder[0], so_far=so_far, scope=scope):
        pass


@pytest.mark.parametrize("enough", [None, 1.0])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("then", ["attempt-1", "attempt-2"])
async def test_a_crash_at_any_write_crowns_no_second_winner_and_makes_no_call_twice(
    then: str, first: bool, enough: float | None
) -> None:
    doubled = []
    for lives in range(60):
        sent: list[str] = []
        tool, journal = sender(sent, waits=True), MemoryJournal()
        try:
            await live(wavering(tool, "attempt-1", enough), MortalJournal(journal, lives, writes_first=first))
        except (Crash, BaseExceptionGroup):
            await live(wavering(tool, then, enough), journal)
        if len(sent) > 1:
            doubled.append((lives, sent))
    assert doubled == []
