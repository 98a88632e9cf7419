"""A company at work: gives turns to whoever has letters, cures trouble, winds up, and sees when it is over.

One event loop, one task for each turn under way and none for the idle. Nothing here polls: whoever has letters was
put in the queue when they arrived. Knows nothing of prompts or models.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from parcae.core.events import StepCompleted
from parcae.core.protocols import Event, Model
from parcae.core.scope import LiveEvent
from parcae.core.task import Task
from parcae.core.trajectory import Ending, Step
from parcae.organization.chart import Employee
from parcae.organization.cures import cure, out_of_money, reminded, told_superior, woken
from parcae.organization.delegation import admitted, handed_back, hiring, leave
from parcae.organization.detectors import Trouble, after_turn, at_rest, worked_twice
from parcae.organization.events import Controlled, Order, TurnEnded, WindingUp
from parcae.organization.gate import Gate
from parcae.organization.human import obey
from parcae.organization.listening import listen
from parcae.organization.office import COMPANY, Office
from parcae.organization.purse import budget_usd
from parcae.organization.staff import staffed
from parcae.organization.turns import Turns

if TYPE_CHECKING:
    from parcae.organization.company import Company

COMPANY_STEP = "company"
LISTEN_SECONDS = 0.5
NOBODY_HERE = "no person is here to answer: decide yourself, and say in your result what you assumed"


class Running:
    """One organisation under way. `ending` is None until its last decision."""

    def __init__(self, company: Company, office: Office, task: Task, above: Model, so_far: Sequence[Step]) -> None:
        self.company, self.office, self.task = company, office, task
        self.steps = len(so_far)
        self.ending: Ending | None = so_far[-1].ending if so_far else None
        self.gate, self.awake = Gate(), asyncio.Event()
        self.staff = staffed(company.staffing, office, task.question)
        raised = above.card.name != company.staffing.ladders["boss"][0].card.name  # where everybody begins binds nobody
        self.turns = Turns(office, self.staff, self.gate, above if raised else None, company.recall)
        self.running: dict[str, asyncio.Task[None]] = {}
        self.failure: BaseException | None = None
        self.paused = self.cancelled = self.late = False
        self.begun_at = office.scope.clock.now()
        self.background: list[asyncio.Task[None]] = []

    # ---- decisions

    async def next_decision(self) -> Step:
        """Let everybody work until the company as a whole has something to decide."""
        if self.office.chart.boss is None:
            return await self._open()
        self._listen()
        if not self.paused:
            self.gate.open()
        while True:
            await self._look_at_controls()
            if self.failure is not None:
                raise self.failure
            if (over := self._over()) is not None:
                await self.gate.shut()
                return await self._end(over)
            if (why := self._should_wind_up()) is not None:
                await self.gate.shut()
                return await self._wind_up(why)
            await self._admit()
            if not self.paused:
                self._launch()
            if not self.running and not self.office.ready and not self.paused:
                if await self._moved_on():
                    continue
                await self._end_stalled()
                continue
            self.awake.clear()
            await self.awake.wait()

    async def _open(self) -> Step:
        """Hire the boss."""
        order = Order(
            name="boss",
            role="the boss of this organisation",
            task=self.task.question,
            tier="strong",
            checks=self.company.checks,
        )
        usd, limits = budget_usd(self.office), self.office.limits
        worst = "no limit in dollars" if usd is None else f"at most ${usd:.2f}"
        note = f"opened: {worst}, {limits.agents} at work at once, {limits.depth} levels"
        events = hiring(self.office, None, order, f"{self.office.scope.id}/open")
        return await self._decide(note, *events)

    async def _wind_up(self, why: str) -> Step:
        """Nobody is hired any more; everybody at work is told to finish, review and report."""
        office = self.office
        events: list[Event] = [WindingUp(scope=office.scope.id, why=why), *handed_back(office, why)]
        for who in office.chart.employees.values():
            if who.open:
                text = f"The company is winding up: {why}. Finish, review what waits, and hand in what you have now."
                events.append(office.letter(f"{who.scope}/winding-up", COMPANY, who, "notice", text))
        return await self._decide(f"winding up: {why}", *events)

    async def _end(self, ending: Ending) -> Step:
        await self._cancel_turns()
        return await self._decide(f"ended: {ending.reason}", ending=ending)

    async def _decide(self, note: str, *events: Event, ending: Ending | None = None) -> Step:
        done = StepCompleted(scope=self.office.scope.id, step=self.steps, model=COMPANY_STEP, ending=ending, note=note)
        await self.office.record(*events, done)
        self.steps += 1
        self.ending = ending
        self.office.scope.show(LiveEvent(scope=self.office.scope.id, what=note))
        return Step(model=COMPANY_STEP, asked=note, ending=ending)

    def _over(self) -> Ending | None:
        """How it ended, if it has."""
        boss = self.office.chart.boss
        assert boss is not None
        if self.cancelled:
            return Ending(reason="cancelled", answer=self._partial(), detail="a person cancelled it")
        if boss.status == "done" and boss.result is not None and boss.name not in self.office.open_turns:
            reason = "answered" if self.office.winding_up is None or self._all_done() else "limit"
            return Ending(
                reason=reason,  # type: ignore[arg-type]  # both are reasons
                answer=(boss.result.summary, *boss.result.files),
                detail=self.office.winding_up or "",
            )
        if self.late:
            return Ending(reason="limit", answer=self._partial(), detail="the deadline has passed")
        if boss.status == "left":
            why = self.office.winding_up
            return Ending(reason="limit" if why else "failed", answer=self._partial(), detail=why or "no cure helped")
        return None

    def _all_done(self) -> bool:
        return all(not one.open for one in self.office.chart.employees.values())

    def _partial(self) -> tuple[str, ...]:
        """What was accepted so far."""
        done = [one for one in self.office.chart.employees.values() if one.status == "done" and one.result is not None]
        return tuple(f"{one.name}: {one.result.summary}" for one in done if one.result is not None)

    def _should_wind_up(self) -> str | None:
        office = self.office
        if office.winding_up is not None:
            return None
        usd, share = budget_usd(office), office.limits.wind_up
        if usd is not None and office.scope.account.spent.usd >= usd * share:
            return f"${office.scope.account.spent.usd:.2f} of ${usd:.2f} are spent"
        seconds = office.limits.seconds
        if seconds is not None and office.scope.clock.now() - self.begun_at >= seconds * share:
            return f"{share:.0%} of the time until the deadline have passed"
        return None

    # ---- turns

    def _launch(self) -> None:
        """Give turns to those who have waited longest, as many as may work at once."""
        office = self.office
        waiting = [name for name in office.open_turns if name not in self.running]
        for name in chain(waiting, office.ready):  # never a copy: thousands may be ready
            if len(self.running) >= office.limits.concurrent:
                return
            if name not in self.running:
                who = office.chart.employees[name]
                self.running[name] = asyncio.create_task(self._turn(who), name=f"turn of {name}")

    async def _turn(self, who: Employee) -> None:
        try:
            ended, trouble = await self.turns.take(who)
            self.office.apply(ended)
            events = self._aftermath(who, ended, trouble) if self.office.limits.monitors else ()
            await self.office.record(*events, after=[ended])
        except asyncio.CancelledError:
            raise
        except BaseException as failure:  # noqa: BLE001  # a task ends here; the company raises it
            self.failure = self.failure or failure
        finally:
            self.running.pop(who.name, None)
            self.awake.set()

    def _aftermath(self, who: Employee, ended: TurnEnded, trouble: Trouble | None) -> Sequence[Event]:
        """What follows from a turn: a cure, a reminder, the end of what cannot go on. Written with the turn's end."""
        office = self.office
        if trouble is None and ended.reason == "limit":
            return out_of_money(office, who, ended.detail)
        trouble = trouble or after_turn(office, who, ended.reason, ended.detail)
        if trouble is not None:
            return () if who.status == "left" else cure(office, who, trouble, self.staff.rungs(who))
        if who.status == "handed_in" and (twice := worked_twice(office, who)) is not None:
            return told_superior(office, who, twice)
        return reminded(office, who)

    async def _admit(self) -> None:
        """Hire those who waited, as far as there is room now."""
        while self.office.chart.queue and (events := admitted(self.office)):
            await self.office.record(*events)

    # ---- when nobody works

    async def _moved_on(self) -> bool:
        """Whether something could be done about a company in which everybody rests."""
        office = self.office
        if office.questions:
            await self._ask_person()
            return True
        if not office.limits.monitors:
            return False
        if office.chart.queue:
            await office.record(*handed_back(office, "there is no room and nobody will make any"))
            return True
        troubles = at_rest(office)
        for who, trouble in troubles:
            if trouble.detector in ("lost_wakeup", "never_started"):
                await office.record(*woken(office, who, trouble))
            else:
                await office.record(*cure(office, who, trouble, self.staff.rungs(who)))
        return bool(troubles)

    async def _end_stalled(self) -> None:
        """Nothing moves and nothing can be done: the boss leaves, which ends the company."""
        boss = self.office.chart.boss
        assert boss is not None
        key = f"{boss.scope}/stalled"
        await self.office.record(*leave(self.office, boss, by=COMPANY, why="everybody waits for ever", key=key))

    async def _ask_person(self) -> None:
        """Wait for a person's answers; where there is none, say so to whoever asked."""
        office = self.office
        if self.company.staffing.human:
            self.awake.clear()
            await self.awake.wait()
            return
        for key, asked in list(office.questions.items()):
            who = office.chart.by_scope[asked.scope]
            text = "no" if asked.tool else NOBODY_HERE
            answer = Controlled(
                scope=office.scope.id, key=f"{key}/nobody", action="answer", to=who.name, about=key, text=text
            )
            await office.record(answer)

    # ---- people

    def _listen(self) -> None:
        """Follow what people do from elsewhere, and the clock."""
        if self.background:
            return
        if self.company.listen:
            self.background.append(asyncio.create_task(listen(self.office, self.awake, LISTEN_SECONDS)))
        if self.office.limits.seconds is not None:
            self.background.append(asyncio.create_task(self._watch_the_clock(self.office.limits.seconds)))

    async def _watch_the_clock(self, seconds: float) -> None:
        clock, share = self.office.scope.clock, self.office.limits.wind_up
        await clock.sleep(seconds * share)
        self.awake.set()
        await clock.sleep(max(0.0, self.begun_at + seconds - clock.now()))
        self.late = True
        self.awake.set()

    async def _look_at_controls(self) -> None:
        unread, self.office.unread = self.office.unread, []
        for event in unread:
            if event.action == "cancel":
                self.cancelled = True
            elif event.action == "pause":
                self.paused = True
                await self.gate.shut()
            elif event.action == "resume":
                self.paused = False
                self.gate.open()
            else:
                await obey(self.office, event)

    # ---- the end

    async def _cancel_turns(self) -> None:
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Cancel what is under way (contract 12)."""
        for task in self.background:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._cancel_turns()
