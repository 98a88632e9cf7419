"""What reviews and checks say of turns becomes outcomes, and these become what forecasters are trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic_ai.messages import ModelResponse
from tests.organization.test_several import CHEAP, FIRST_CHEAP, boss, plan_with, writes

from parcae.cli.run_plan import employer
from parcae.core.clock import WallClock
from parcae.core.events import OutcomeGiven
from parcae.core.plan import StagePlan
from parcae.core.protocols import Event, Journal, Model
from parcae.jobs.world import World
from parcae.models.scripted import call, together
from parcae.organization import job
from parcae.organization.job import Outfit, RunOptions
from parcae.prediction.sources.journal import KINDS, groups_from
from parcae.store.memory import MemoryJournal
from parcae.store.runs import runs_in
from parcae.testing.employees import Seen, employees

WRITER = "run/company/boss/writer"
ONE = replace(CHEAP, ladder=("cheap",))


def strict(seen: Seen) -> ModelResponse:
    """Sends the first result back, whatever it is."""
    if seen.waiting and not seen.replies and "you wrote to writer: Your result was not accepted" not in seen.text:
        return together(call("review", name="writer", verdict="reject", reasons="too short"), call("wait"))
    return boss(seen)


async def learnt(
    folder: Path, stage: StagePlan, models: Mapping[str, Model], *, checks: tuple[str, ...] = ()
) -> Journal:
    journal = MemoryJournal()
    world = World(journal=journal, clock=WallClock(), open_model=models.__getitem__)
    outfit = Outfit(copies=folder / "copies", employ=employer(folder))
    options = RunOptions(
        goal="Write about ants.", workspace=folder / "work", plan=plan_with(stage), checks=checks, learn=True
    )
    await job.begin(options, world, outfit, run="run")
    await job.go_on("run", world, outfit)
    return journal


async def outcomes(journal: Journal) -> list[tuple[str, bool, str]]:
    return [(one.event.scope, one.event.success, one.event.source) for one in await journal.read("run", [OutcomeGiven])]


async def events(journal: Journal) -> list[Event]:
    return [one.event for one in await journal.read("", KINDS)]


async def test_a_result_that_was_sent_back_and_one_that_was_accepted_are_two_outcomes(tmp_path: Path) -> None:
    both = {
        "cheap": employees("cheap", {"writer": writes("ant.txt")}),
        "strong": employees("strong", {"boss": strict}),
    }
    journal = await learnt(tmp_path, ONE, both)
    assert await outcomes(journal) == [(f"{WRITER}/turn-1", False, "review"), (f"{WRITER}/turn-2", True, "review")]

    first, second = groups_from(await events(journal), agent="turn")
    assert (first.task_id, first.failed, first.extra) == (WRITER, True, False)
    assert (second.task_id, second.failed, second.extra) == (WRITER, False, True)
    assert [call.tool for turn in first.attempts[0] for call in turn.calls] == ["write_file", "hand_in"]
    assert groups_from(await events(journal), agent="locate") == []
    [summary] = await runs_in(journal)
    assert summary.right is None  # a verdict on a turn is none on the run


async def test_checks_of_the_goal_are_an_outcome_of_the_run_and_several_attempts_are_one_group(tmp_path: Path) -> None:
    both = {
        "cheap": employees("cheap", {"writer": writes("ant.txt")}),
        "strong": employees("strong", {"boss": boss}),
    }
    journal = await learnt(tmp_path, replace(FIRST_CHEAP, policy="none"), both, checks=("exists:ant.txt",))
    found = await outcomes(journal)
    assert ("run", True, "checks") in found
    assert (f"{WRITER}/turn-1", True, "review") in found
    group = next(one for one in groups_from(await events(journal), agent="turn") if one.task_id == WRITER)
    assert len(group.attempts) == 2
    assert group.failed is False


async def test_the_verdict_on_attempts_that_were_swapped_teaches_nothing(tmp_path: Path) -> None:
    both = {
        "cheap": employees("cheap", {"writer": writes("bee.txt")}),
        "strong": employees("strong", {"boss": boss, "writer": writes("ant.txt")}),
    }
    journal = await learnt(tmp_path, FIRST_CHEAP, both)
    assert [one for one in groups_from(await events(journal), agent="turn") if one.task_id == WRITER] == []
