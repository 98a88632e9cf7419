"""Chart, hires, routing and purse as a state machine, and its journal: whatever is done, the laws hold."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from parcae.core.protocols import ToolRefused
from parcae.core.scope import Scope
from parcae.core.usage import Limits
from parcae.ledger.account import open_account
from parcae.organization.chart import Employee, same_words
from parcae.organization.delegation import admitted, ask_for, handed_back, hiring, leave
from parcae.organization.events import HandedIn, Order, Reviewed
from parcae.organization.limits import CompanyLimits
from parcae.organization.office import Office, reopened
from parcae.organization.purse import left_usd
from parcae.organization.routing import may_write, recipient
from parcae.store.memory import MemoryJournal
from parcae.testing.clock import StillClock

LIMITS = CompanyLimits(agents=8, depth=4, children=3)


def new_office(limits: CompanyLimits = LIMITS) -> Office:
    journal = MemoryJournal()
    account = open_account("run", Limits(usd=10.0), journal)
    return Office(Scope(id="run", account=account, journal=journal, clock=StillClock(), seed=1), limits)


async def opened(limits: CompanyLimits = LIMITS) -> Office:
    office = new_office(limits)
    await office.record(*hiring(office, None, Order(name="boss", role="boss", task="the goal"), "open"))
    return office


class CompanyMachine(RuleBasedStateMachine):
    """Hires, results, verdicts and departures in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.office = self.loop.run_until_complete(opened())
        self.number = 0

    def teardown(self) -> None:
        self.loop.close()

    def do(self, *events: object) -> None:
        self.loop.run_until_complete(self.office.record(*events))  # type: ignore[arg-type]

    def present(self) -> list[Employee]:
        return [one for one in self.office.chart.employees.values() if one.status != "left"]

    @rule(data=st.data(), share=st.none() | st.floats(0.05, 1.0))
    def somebody_hires(self, data: st.DataObject, share: float | None) -> None:
        who = data.draw(st.sampled_from(self.present()))
        self.number += 1
        order = Order(
            name=data.draw(st.sampled_from(["ann", "bob", "a/b", ""])), role="r", task=f"t{self.number}", share=share
        )
        before = len(self.office.chart.employees) + len(self.office.chart.queue)
        said = self.loop.run_until_complete(ask_for(self.office, who, order, f"k{self.number}"))
        again = self.loop.run_until_complete(ask_for(self.office, who, order, f"k{self.number}"))
        assert said == again, "the same call has effect once and the same answer"
        after = len(self.office.chart.employees) + len(self.office.chart.queue)
        assert after == before + (who.depth < LIMITS.depth), "hired or queued; at the deepest level it is its own task"

    @rule(data=st.data())
    def a_task_is_not_given_twice(self, data: st.DataObject) -> None:
        working = [one for one in self.present() if one.open]
        if not working:
            return
        holder, who = data.draw(st.sampled_from(working)), data.draw(st.sampled_from(self.present()))
        before = len(self.office.chart.employees)
        self.number += 1
        order = Order(name="x", role="r", task=f"  {holder.order.task.upper()}. ")
        said = self.loop.run_until_complete(ask_for(self.office, who, order, f"k{self.number}"))
        assert "already has this task" in said
        assert len(self.office.chart.employees) == before

    @rule(data=st.data(), accepted=st.booleans())
    def a_result_is_reviewed(self, data: st.DataObject, accepted: bool) -> None:
        working = [one for one in self.present() if one.status == "working" and one.by]
        if working:
            who = data.draw(st.sampled_from(working))
            self.number += 1
            self.do(HandedIn(scope=who.scope, key=f"h{self.number}", summary="s"))
            self.do(Reviewed(scope=who.scope, key=f"v{self.number}", by=who.by, accepted=accepted))

    @rule(data=st.data())
    def somebody_leaves(self, data: st.DataObject) -> None:
        below = [one for one in self.present() if one.by]
        if below:
            who = data.draw(st.sampled_from(below))
            self.number += 1
            self.do(*leave(self.office, who, by=who.by, why="w", key=f"l{self.number}"))
            assert all(one.status == "left" for one in self.office.chart.below(who))

    @rule()
    def those_who_wait_are_hired(self) -> None:
        while events := admitted(self.office):
            self.do(*events)

    @precondition(lambda self: self.office.chart.queue)
    @rule()
    def what_cannot_be_hired_comes_back(self) -> None:
        queued = len(self.office.chart.queue)
        events = handed_back(self.office, "no room")
        self.do(*events)
        assert len(events) == 2 * queued
        assert not self.office.chart.queue

    @invariant()
    def no_limit_is_passed(self) -> None:
        chart = self.office.chart
        assert chart.working == sum(one.open for one in chart.employees.values())
        assert chart.working <= LIMITS.agents or not chart.employees
        assert chart.depth <= LIMITS.depth

    @invariant()
    def what_is_counted_along_is_what_is_there(self) -> None:
        for one in self.office.chart.employees.values():
            below = self.office.chart.subordinates(one)
            assert (one.present, one.busy) == (len(below), sum(other.open for other in below))

    @invariant()
    def whoever_was_hired_has_a_first_letter(self) -> None:
        for one in self.office.chart.employees.values():
            assert any(letter.what == "task" for letter in self.office.boxes[one.name].waiting)

    @invariant()
    def names_and_tasks_are_unique(self) -> None:
        chart = self.office.chart
        assert len({one.scope for one in chart.employees.values()}) == len(chart.employees)
        tasks = [same_words(one.order.task) for one in chart.employees.values() if one.open]
        assert len(tasks) == len(set(tasks))

    @invariant()
    def nobody_may_spend_more_than_there_is(self) -> None:
        for one in self.present():
            left = left_usd(self.office, one)
            assert left is not None and -1e-9 <= left <= 10.0
        aside = [one.allotted_usd or 0.0 for one in self.office.chart.subordinates(self.office.chart.boss) if one.open]  # type: ignore[arg-type]
        assert sum(aside) <= 10.0 + 1e-9

    @invariant()
    def writing_is_as_the_ranks_allow(self) -> None:
        for one in self.present():
            for other in self.present():
                near = other.name == one.by or one.name == other.by or (one.by and one.by == other.by)
                admins = one.rank != "agent" and other.rank != "agent"
                assert may_write(self.office.chart, one, other) == (one is not other and bool(near or admins))

    @invariant()
    def the_journal_tells_the_same(self) -> None:
        if self.number % 5:
            return
        again = self.loop.run_until_complete(reopened(self.office.scope, LIMITS))
        assert list(again.chart.employees.values()) == list(self.office.chart.employees.values())
        assert again.chart.queue == self.office.chart.queue
        assert again.ready == self.office.ready
        assert {name: list(box.waiting) for name, box in again.boxes.items()} == {
            name: list(box.waiting) for name, box in self.office.boxes.items()
        }


TestCompanyMachine = CompanyMachine.TestCase
TestCompanyMachine.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


async def test_who_may_not_be_written_to_is_named_with_the_right_contact() -> None:
    office = await opened(CompanyLimits())
    boss = office.chart.employees["boss"]
    for name in ("ada", "bob"):
        await ask_for(office, boss, Order(name=name, role="admin", task=f"lead {name}"), name)
        admin = office.chart.employees[name]
        await ask_for(office, admin, Order(name=f"{name}-1", role="agent", task=f"do {name}"), f"{name}1")
    ada_1 = office.chart.employees["ada-1"]

    with pytest.raises(ToolRefused, match="write to ada, who can pass it on"):
        recipient(office.chart, ada_1, "bob-1")
    with pytest.raises(ToolRefused, match="nobody here is called 'eve'; you can write to: ada"):
        recipient(office.chart, ada_1, "eve")
    assert recipient(office.chart, office.chart.employees["ada"], "bob").name == "bob"


async def test_what_was_set_aside_and_not_spent_flows_back() -> None:
    office = await opened(CompanyLimits())
    boss = office.chart.employees["boss"]
    await ask_for(office, boss, Order(name="ada", role="admin", task="lead", share=0.6), "k")
    ada = office.chart.employees["ada"]
    assert (left_usd(office, boss), left_usd(office, ada)) == (4.0, 6.0)
    await ask_for(office, ada, Order(name="bob", role="agent", task="do", share=0.5), "k2")
    assert left_usd(office, ada) == 3.0
    assert left_usd(office, boss) == 4.0

    await office.record(HandedIn(scope=ada.scope, key="h", summary="done"))
    await office.record(Reviewed(scope=ada.scope, key="v", by="boss", accepted=True))

    assert left_usd(office, boss) == 10.0
