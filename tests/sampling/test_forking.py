"""Forks as a plan says them: ladders of any length, files of each future, a crash at any write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelResponse
from tests.agents.echo import TASK, Thinker, role

from parcae.agents.files import file_tools
from parcae.agents.loop import Agent
from parcae.agents.role import Role
from parcae.core.events import AttemptStarted, Decided
from parcae.core.plan import StagePlan
from parcae.core.plan_rungs import RungPlan
from parcae.core.protocols import Forecast, Journal, Request, Watch
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.core.usage import Limits
from parcae.hotswap.supervisor import supervise
from parcae.ledger.account import open_account
from parcae.models.scripted import ScriptedModel, call, say
from parcae.sampling.group import Group
from parcae.store.memory import MemoryJournal
from parcae.store.replay import rebuild
from parcae.testing.clock import StillClock
from parcae.testing.crashes import Crash, MortalJournal
from parcae.testing.workers import RUN, scope_in
from parcae.workspace import Branch, open_workspace


@dataclass(frozen=True)
class Lost:
    """Every vote is lost, and the last attempt is the most promising."""

    def watch(self, task: Task, samples: int) -> Watch:
        return self

    def add(self, attempt: int, step: Step) -> None:
        pass

    def forecast(self) -> Forecast:
        return Forecast(p_fail=0.9, promise=(0.1, 0.2))


async def test_a_ladder_of_three_resumes_at_one_look_and_forks_at_the_next() -> None:
    climb = (
        RungPlan(attempts=2, batch=2, look=(2,), then="resume"),
        RungPlan(look=(3,), then="fork", forks=2, order="forecast"),
        RungPlan(weight=2.0),
    )
    stage = StagePlan(ladder=("a", "b", "c"), policy="climb", climb=climb)
    models = {name: Thinker(name) for name in stage.ladder}
    group, journal = supervise(Agent(role()), stage, models, Lost()), MemoryJournal()
    steps = [step async for step in group.attempt(TASK, model=models["a"], scope=await scope_in(journal))]
    decided = [one.event for one in await journal.read(RUN, [Decided])]
    assert [(one.action, one.rung, one.attempts, one.origins) for one in decided] == [
        ("swap", 1, (0, 1), ()),
        ("fork", 2, (1, 2), (1,)),
        ("finish", 0, (), ()),
    ]
    future = await rebuild(journal, f"{RUN}/attempt-3", TASK.id)
    assert [step.model for step in future.steps[:4]] == ["harness", "a", "b", "c"]
    assert future.shared == 3
    assert steps[-1].ending is not None and steps[-1].ending.answer == ("ccc",)


# ---- files --------------------------------------------------------------------------------------------------------

FORK = StagePlan(
    ladder=("a", "b"),
    policy="climb",
    climb=(RungPlan(attempts=2, batch=2, look=(1,), then="fork", forks=3), RungPlan()),
)
WRITER = Role(
    name="writer",
    system="",
    opening=lambda task, scope: task.question,
    tools=file_tools(),
    read_answer=lambda text: (text,),
)
WRITING = Task(id="t", kind="k", question="q")


def writes(request: Request) -> ModelResponse:
    """First a file, then one whose text nobody else has, then the end."""
    match len(request.messages):
        case 1 | 2:
            return call("write_file", path="before", content="the same\n")
        case 3 | 4:
            return call("write_file", path="after", content=f"{request.seed}\n")
        case _:
            return say("done")


def forking(main: Branch, journal: Journal) -> tuple[Group, Scope, ScriptedModel]:
    models = {name: ScriptedModel(name, iter(lambda: writes, None)) for name in FORK.ladder}
    account = open_account("run", Limits(), journal)
    scope = Scope(id="run", account=account, journal=journal, clock=StillClock(), seed=1, workspace=main)
    return supervise(Agent(WRITER), FORK, models, Lost()), scope, models["a"]


async def live(folder: Path, journal: Journal) -> Branch:
    """One life of the group: it goes on from where its journal ends."""
    main = open_workspace(folder, "run", durable=False).main
    group, scope, model = forking(main, journal)
    so_far = (await rebuild(journal, "run", WRITING.id)).steps
    if not so_far or so_far[-1].ending is None:
        async for _ in group.attempt(WRITING, model=model, so_far=so_far, scope=scope):
            pass
    return main


async def test_each_future_has_the_files_of_the_prefix_and_its_own(tmp_path: Path) -> None:
    journal = MemoryJournal()
    main = await live(tmp_path / "work", journal)
    futures = [main.branch(f"attempt-{number}") for number in (1, 3, 4)]
    assert [one.read("before") for one in futures] == [b"the same\n"] * 3
    assert len({one.read("after") for one in futures}) == 3
    assert main.read("after") == futures[0].read("after")  # the winner's


@pytest.mark.parametrize("first", [True, False])
async def test_a_crash_at_any_write_leaves_the_futures_as_they_would_have_been(tmp_path: Path, first: bool) -> None:
    whole = MemoryJournal()
    main = await live(tmp_path / "whole", whole)
    expected = [main.branch(f"attempt-{number}").read("after") for number in (1, 3, 4)]
    begun = await forks_in(whole)
    for lives in range(0, 60, 1 if first else 7):
        journal, folder = MemoryJournal(), tmp_path / str(lives)
        try:
            main = await live(folder, MortalJournal(journal, lives, writes_first=first))
        except (Crash, BaseExceptionGroup):
            main = await live(folder, journal)
        assert [main.branch(f"attempt-{number}").read("after") for number in (1, 3, 4)] == expected
        assert await forks_in(journal) == begun


async def forks_in(journal: Journal) -> set[tuple[str, str | None, int]]:
    begun = [one.event for one in await journal.read("run", [AttemptStarted])]
    return {(one.scope, one.forked_from, one.after_steps) for one in begun if one.forked_from is not None}
