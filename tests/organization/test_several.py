"""Employees whose roles run on a plan: several attempts in branches, checked, swapped, and one of them merged."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelResponse

from parcae.cli.run_plan import employer
from parcae.core.clock import WallClock
from parcae.core.events import Decided, OutboxReleased, RunEnded, RunStarted, StepReplied
from parcae.core.plan import Plan, StagePlan
from parcae.core.plan_rungs import RungPlan
from parcae.core.protocols import Journal, Model
from parcae.jobs.world import World
from parcae.models.scripted import call, together
from parcae.organization import job
from parcae.organization.events import HandedIn, Noticed, Sent
from parcae.organization.job import Outfit, RunOptions
from parcae.store.memory import MemoryJournal
from parcae.testing.crashes import Crash, MortalJournal
from parcae.testing.employees import Script, Seen, employees

CHECK = "exists:ant.txt"
CHEAP = StagePlan(ladder=("cheap", "strong"), temperature=0.2)
STRONG = StagePlan(ladder=("strong",), temperature=0.2)
FIRST_CHEAP = replace(CHEAP, attempts=2, policy="sequential@1")
CLIMB = replace(CHEAP, policy="climb", climb=(RungPlan(attempts=2), RungPlan(attempts=2)))


def boss(seen: Seen) -> ModelResponse:
    """Hires one writer whose result must pass a check, accepts it, and hands in."""
    if seen.waiting and not seen.replies:
        return together(*(call("review", name=name, verdict="accept") for name in seen.waiting))
    if seen.waiting:
        return call("hand_in", summary="all is written", files=["ant.txt"])
    if "you hired" not in seen.text and not seen.open_people:
        return together(call("hire", name="writer", role="writer", task="Write ant.txt.", checks=[CHECK]), call("wait"))
    return call("wait") if seen.open_people else call("hand_in", summary="all is written", files=["ant.txt"])


def writes(path: str) -> Script:
    def script(seen: Seen) -> ModelResponse:
        if seen.replies == 0:
            return call("write_file", path=path, content="about ants\n")
        return call("hand_in", summary=f"wrote {path}", files=[path])

    return script


def lost(seen: Seen) -> ModelResponse:
    return call("read_file", path="nowhere.txt")


async def run(
    folder: Path, plan: Plan, models: Mapping[str, Model], journal: Journal | None = None
) -> tuple[Journal, list[str]]:
    """Run the goal, or go on with it; the journal and the files that were made."""
    journal = journal or MemoryJournal()
    world = World(journal=journal, clock=WallClock(), open_model=models.__getitem__)
    outfit = Outfit(copies=folder / "copies", employ=employer(folder))
    options = RunOptions(goal="Write about ants.", workspace=folder / "work", plan=plan, budget_usd=5.0)
    if not await journal.read("run", [RunStarted]):
        await job.begin(options, world, outfit, run="run")
    await job.go_on("run", world, outfit)
    return journal, list(job.reopen("run", options, outfit).main.paths())


def plan_with(stage: StagePlan) -> Plan:
    return Plan(default=STRONG, stages={"admin": stage})


def models(cheap: Script, strong: Script | None = None) -> dict[str, Model]:
    clever = employees("strong", {"boss": boss, "writer": strong or writes("ant.txt")})
    return {"cheap": employees("cheap", {"writer": cheap}), "strong": clever}


async def ending(journal: Journal) -> str:
    [ended] = await journal.read("run", [RunEnded])
    return ended.event.status


async def model_of_writer(journal: Journal) -> list[str]:
    found = await journal.read("run/company/boss/writer", [StepReplied])
    return [one.event.model for one in found]


@pytest.mark.parametrize("stage", [FIRST_CHEAP, CLIMB])
async def test_one_attempt_that_passes_its_checks_is_enough(tmp_path: Path, stage: StagePlan) -> None:
    journal, files = await run(tmp_path, plan_with(stage), models(writes("ant.txt")))
    assert (await ending(journal), files) == ("done", ["ant.txt"])
    assert await model_of_writer(journal) == ["cheap", "cheap"]


@pytest.mark.parametrize("stage", [FIRST_CHEAP, CLIMB])
async def test_attempts_that_fail_their_checks_are_followed_by_the_stronger_model_and_leave_no_files(
    tmp_path: Path, stage: StagePlan
) -> None:
    journal, files = await run(tmp_path, plan_with(stage), models(writes("bee.txt")))
    assert (await ending(journal), files) == ("done", ["ant.txt"])
    assert set(await model_of_writer(journal)) == {"cheap", "strong"}
    handed_in = [one.event.summary for one in await journal.read("run/company/boss/writer", [HandedIn])]
    assert handed_in == ["wrote ant.txt"]  # what the losers wanted to hand in was never handed in


async def test_a_task_without_checks_is_attempted_once(tmp_path: Path) -> None:
    def unchecked(seen: Seen) -> ModelResponse:
        said = boss(seen)
        parts = [
            replace(part, args={**part.args_as_dict(), "checks": []}) if part.tool_name == "hire" else part
            for part in said.tool_calls
        ]
        return replace(said, parts=parts)

    both = {**models(writes("bee.txt")), "strong": employees("strong", {"boss": unchecked})}
    journal, files = await run(tmp_path, plan_with(FIRST_CHEAP), both)
    assert files == ["bee.txt"]
    assert await model_of_writer(journal) == ["cheap", "cheap"]


async def test_a_lone_attempt_in_trouble_goes_on_with_the_stronger_model(tmp_path: Path) -> None:
    watched = replace(CHEAP, policy="parallel@4")
    journal, files = await run(tmp_path, plan_with(watched), models(lost, _writes_after_trouble))
    assert (await ending(journal), files) == ("done", ["ant.txt"])
    assert await model_of_writer(journal) == ["cheap"] * 4 + ["strong"] * 2
    [swap] = [one.event for one in await journal.read("run", [Decided]) if one.event.action == "swap"]
    assert "was called" in swap.why  # a detector's trouble, by way of the forecast
    assert await journal.read("run", [OutboxReleased]) == []  # nothing had to wait


def _writes_after_trouble(seen: Seen) -> ModelResponse:
    written = any(one.tool_name == "write_file" for one in seen.returns)
    if written:
        return call("hand_in", summary="wrote ant.txt", files=["ant.txt"])
    return call("write_file", path="ant.txt", content="about ants\n")


async def test_what_a_winner_wanted_and_could_not_have_is_told_to_it(tmp_path: Path) -> None:
    def careless(seen: Seen) -> ModelResponse:
        if "What you asked for" in seen.letters or seen.replies:
            return writes("ant.txt")(seen)
        return call("hand_in", summary="nothing", files=[])

    journal, files = await run(tmp_path, plan_with(replace(CHEAP, attempts=2)), models(careless))
    assert (await ending(journal), files) == ("done", ["ant.txt"])
    assert await journal.read("run", [Noticed]) == []
    [told] = [one.event.text for one in await journal.read("run", [Sent]) if one.event.what == "notice"]
    assert "refused: not accepted by the checks" in told


@pytest.mark.parametrize("lives", range(12, 60, 4))
async def test_a_crash_at_any_write_changes_nothing(tmp_path: Path, lives: int) -> None:
    durable, plan = MemoryJournal(), plan_with(FIRST_CHEAP)
    with suppress(Crash):
        await run(tmp_path, plan, models(writes("bee.txt")), MortalJournal(durable, lives))
    whole, files = await run(tmp_path, plan, models(writes("bee.txt")), durable)
    assert (await ending(whole), files) == ("done", ["ant.txt"])
    handed_in = [one.event.summary for one in await whole.read("run/company/boss/writer", [HandedIn])]
    assert handed_in == ["wrote ant.txt"]
