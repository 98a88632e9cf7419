"""Winding up, deadlines, judges, and a person in the loop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from tests.organization.running import outcome_of
from tests.organization.scripts import GOAL, SMALL, Seen, boss_of, company, model, writer
from tests.organization.test_failures import _boss_of_many

from parcae.core.protocols import Model
from parcae.hotswap.policies import parse_policy
from parcae.models.scripted import ScriptedModel, call, say, together
from parcae.organization.events import Controlled, HumanAsked, Reviewed, Sent, WindingUp
from parcae.organization.judges import Panel
from parcae.organization.limits import CompanyLimits
from parcae.prediction.rule import RuleForecaster
from parcae.sampling.group import Group
from parcae.store.memory import MemoryJournal
from parcae.testing.workers import RUN, scope_in
from parcae.tools.function import function_tool


async def test_near_the_end_of_the_money_it_finishes_reviews_and_reports() -> None:
    """Nobody is hired any more, those at work hand in what they have, and the boss reports."""
    clever = model("clever", {"boss": _boss_of_many(40), "w": writer})
    limits = CompanyLimits(children=3, concurrent=2, wind_up=0.5)
    outcome = await outcome_of(company(clever, limits=limits), clever, usd=0.05)
    assert await outcome.journal.read(RUN, [WindingUp])
    assert outcome.ending.reason in ("answered", "limit")
    assert outcome.ending.answer
    assert len(outcome.office.chart.employees) < 41
    assert outcome.spent_usd <= 0.05


async def test_a_deadline_ends_a_company_that_would_go_on_for_ever() -> None:
    def endless(seen: Seen) -> object:
        return together(call("plan", items=[{"text": str(seen.replies)}]))

    clever = model("clever", {"boss": endless})  # type: ignore[dict-item]
    outcome = await outcome_of(company(clever, limits=CompanyLimits(seconds=60.0)), clever)
    assert outcome.ending.reason in ("limit", "failed")


async def test_judges_agree_cost_and_reject() -> None:
    yes, no = (
        ScriptedModel("yes", iter(lambda: say("accept: fine"), None)),
        ScriptedModel("no", iter(lambda: say("reject: thin"), None)),
    )
    clever = model("clever", SMALL)
    panel = Panel(models=(yes, no, ScriptedModel("also", iter(lambda: say("accept"), None))))
    outcome = await outcome_of(company(clever, panel=panel), clever)
    assert outcome.ending.reason == "answered"
    assert len(yes.seen) == 3  # two results and the boss's own

    strict = Panel(models=(no,))
    outcome = await outcome_of(company(clever, panel=strict, limits=CompanyLimits(rejections=1)), clever)
    verdicts = [one.event for one in await outcome.journal.read(RUN, [Reviewed]) if one.event.by == "judges"]
    assert verdicts and all(not one.accepted and one.agreement == 1.0 and "thin" in one.reasons for one in verdicts)


async def test_a_question_is_answered_by_a_person_from_elsewhere() -> None:
    def asker(seen: Seen) -> object:
        if "A person answers" in seen.letters:
            return call("hand_in", summary=seen.letters[-4:])
        return together(call("ask_human", question="Blue or red?"), call("wait"))

    clever = model("clever", {"boss": boss_of("ant"), "writer": asker})  # type: ignore[dict-item]
    journal = MemoryJournal()
    scope = await scope_in(journal)
    worker = company(clever, human=True, listen=True)

    async def person() -> None:
        while not (asked := await journal.read(RUN, [HumanAsked])):
            await scope.clock.sleep(0.0)
        event = asked[0].event
        await journal.append(
            [Controlled(scope=RUN, key="p1", action="answer", to="writer-ant", about=event.key, text="blue")]
        )

    async with asyncio.TaskGroup() as group:
        group.create_task(person())
        steps = [step async for step in worker.attempt(GOAL, model=clever, scope=scope)]
    assert steps[-1].ending is not None and steps[-1].ending.reason == "answered"
    assert [one.event.text for one in await journal.read(RUN, [Sent]) if one.event.what == "answer"] == [
        "A person answers your question: blue"
    ]


async def test_without_a_person_whoever_asks_is_told_to_decide() -> None:
    def asker(seen: Seen) -> object:
        if "decide yourself" in seen.letters:
            return call("hand_in", summary="decided")
        return together(call("ask_human", question="Blue?"), call("wait"))

    clever = model("clever", {"boss": boss_of("ant"), "writer": asker})  # type: ignore[dict-item]
    assert (await outcome_of(company(clever), clever)).ending.reason == "answered"


@pytest.mark.parametrize(("answer", "calls"), [("yes", 1), ("no", 0)])
async def test_a_tool_that_needs_approval_is_called_after_a_yes_only(answer: str, calls: int) -> None:
    made = list[str]()

    def launch(what: str) -> str:
        """Launch it.

        Args:
            what: it.
        """
        made.append(what)
        return "launched"

    def pilot(seen: Seen) -> object:
        if seen.replies == 0:
            again = "A person answers" in seen.letters
            return call("launch", what="rocket") if again else together(call("launch", what="rocket"), call("wait"))
        return call("hand_in", summary="done")

    clever = model("clever", {"boss": boss_of("ant"), "writer": pilot})  # type: ignore[dict-item]
    worker = company(
        clever,
        human=True,
        listen=True,
        tools=(function_tool(launch, effect="read"),),
        approvals=frozenset({"launch"}),
    )
    journal = MemoryJournal()
    scope = await scope_in(journal)

    async def person() -> None:
        while not (asked := await journal.read(RUN, [HumanAsked])):
            await scope.clock.sleep(0.0)
        about = asked[0].event.key
        control = Controlled(scope=RUN, key="p", action="answer", to="writer-ant", about=about, text=answer)
        await journal.append([control])

    async with asyncio.TaskGroup() as group:
        group.create_task(person())
        steps = [step async for step in worker.attempt(GOAL, model=clever, scope=scope)]
    assert steps[-1].ending is not None
    assert len(made) == calls


async def test_a_person_cancels_from_elsewhere() -> None:
    clever = model(
        "clever", {"boss": boss_of("ant"), "writer": lambda seen: call("plan", items=[{"text": str(seen.replies)}])}
    )
    journal = MemoryJournal()
    scope = await scope_in(journal)
    await journal.append([Controlled(scope=RUN, key="earlier", action="cancel")])  # an old one binds nobody
    worker = company(clever, listen=True)
    async with aclosing(worker.attempt(GOAL, model=clever, scope=scope)) as steps:
        first = await anext(steps)
        assert first.ending is None
        await journal.append([Controlled(scope=RUN, key="now", action="cancel")])
        last = [step async for step in steps][-1]
    assert last.ending is not None and last.ending.reason == "cancelled"


async def test_an_employee_may_be_a_watched_group_without_knowing_it() -> None:
    """Two attempts race for every turn; what the winner wanted outside happens once."""

    def employ(role: object, ladder: object, seams: object) -> object:
        from parcae.agents.loop import Agent
        from parcae.sampling.outbox import release

        agent = Agent(role)  # type: ignore[arg-type]
        tools = {tool.spec.name: tool for tool in role.tools}  # type: ignore[attr-defined]

        async def check(trajectory: object, scope: object) -> float:
            return 1.0

        return Group(
            worker=agent,
            ladder=tuple(ladder),  # type: ignore[arg-type]
            attempts=2,
            policy=parse_policy("none"),
            forecaster=RuleForecaster(),
            check=check,  # type: ignore[arg-type]
            release=lambda winner: release(winner, tools),
        )

    clever: Model = model("clever", SMALL)
    outcome = await outcome_of(company(clever, employ=employ), clever)
    assert outcome.ending.reason == "answered"
    assert sorted(outcome.office.chart.employees) == ["boss", "writer-ant", "writer-bee"]
