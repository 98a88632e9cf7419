"""One turn of one employee: take the letters, let its Worker attempt, watch the steps, end. Survives any interruption.

A turn is an attempt in a scope of its own. Whatever its steps did is durable step by step, so a turn that a crash cut
off goes on where it was. Knows nothing of what the Worker is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import cast

from parcae.core.errors import LimitReached, OutsideFailed, StoreFailed
from parcae.core.events import AttemptStarted
from parcae.core.protocols import Model
from parcae.core.scope import LiveEvent, Scope
from parcae.core.task import Task
from parcae.core.trajectory import Ending, Step
from parcae.organization.chart import Employee
from parcae.organization.cures import SWAP, rung_for, swapped
from parcae.organization.detectors import Trouble, TurnWatch
from parcae.organization.dossier import question
from parcae.organization.events import TurnEnded, TurnStarted
from parcae.organization.gate import Gate
from parcae.organization.office import Office
from parcae.organization.staff import Staff, turn_scope
from parcae.store.replay import rebuild

Recall = Callable[[Employee, str], Sequence[str]]


def remembers_nothing(who: Employee, text: str) -> Sequence[str]:
    """For companies without a memory of their own."""
    return ()


class Turns:
    """Takes turns for the employees of `office`; `gate` holds them between steps while it is shut."""

    def __init__(self, office: Office, staff: Staff, gate: Gate, above: Model | None, recall: Recall) -> None:
        self.office, self.staff, self.gate, self.above, self.recall = office, staff, gate, above, recall

    async def take(self, who: Employee) -> tuple[TurnEnded, Trouble | None]:
        """The next turn of `who`, or the one that was interrupted.

        Returns its end, which the caller writes together with what follows from it, and what broke it off, if anything.
        """
        office, turn = self.office, self.office.open_turns.get(who.name)
        so_far: Sequence[Step] = ()
        fresh = turn is None
        if turn is None:
            turn = await self._begin(who)
        scope = turn_scope(office, who, turn.turn, self.staff)
        if not fresh:
            so_far = (await rebuild(office.scope.journal, scope.id, scope.id)).steps
        task = Task(id=scope.id, kind="turn", question=turn.question, comparable=False)
        ending, trouble = await self._attempt(who, task, scope, list(so_far), fresh=fresh)
        reason = trouble.detector if trouble is not None else ending.reason
        detail = trouble.what if trouble is not None else ending.detail
        self._show(who, reason)
        return TurnEnded(scope=who.scope, turn=turn.turn, reason=reason, detail=detail), trouble

    async def _begin(self, who: Employee) -> TurnStarted:
        """Take all letters and begin a turn: one append, so that no letter is ever between inbox and turn."""
        office = self.office
        letters = tuple(office.boxes[who.name].waiting)
        text = question(office, who, letters, self.recall(who, "\n".join(letter.text for letter in letters)))
        turn = TurnStarted(
            scope=who.scope,
            turn=office.turns.get(who.name, 0) + 1,
            letters=tuple(letter.key for letter in letters),
            question=text,
        )
        model = self.staff.model(who, self.above)
        started = AttemptStarted(
            scope=f"{who.scope}/turn-{turn.turn}", model=model.card.name, rung=self.staff.rung(who)
        )
        await office.record(turn, started)
        return turn

    async def _attempt(
        self, who: Employee, task: Task, scope: Scope, steps: list[Step], *, fresh: bool
    ) -> tuple[Ending, Trouble | None]:
        """Let the Worker go on until the turn ends or trouble breaks it off; a swap goes on with the same steps."""
        watch = TurnWatch(self.office.limits.repeats)
        if steps and steps[-1].ending is not None:
            return steps[-1].ending, None
        for step in steps:
            watch.take(step)
        while True:
            model = self.staff.model(who, self.above)
            if not fresh:
                done = len(steps) - bool(steps and steps[-1].missing())
                event = AttemptStarted(
                    scope=scope.id, model=model.card.name, rung=self.staff.rung(who), after_steps=done
                )
                await scope.journal.append([event])
            fresh = False
            try:
                ending, trouble = await self._follow(who, task, scope, steps, model, watch)
            except StoreFailed:
                raise
            except LimitReached as limit:
                return Ending(reason="limit", detail=str(limit)), None
            except OutsideFailed as failure:
                return Ending(reason="failed", detail=str(failure)), None
            if trouble is None or rung_for(self.office, who, self.staff.rungs(who)) != SWAP:
                return ending, trouble
            await self.office.record(*swapped(who, trouble))
            if steps[-1].ending is not None:  # a refusal ended the attempt: the stronger model replies in its place
                steps.pop()
            watch = TurnWatch(self.office.limits.repeats)

    async def _follow(
        self, who: Employee, task: Task, scope: Scope, steps: list[Step], model: Model, watch: TurnWatch
    ) -> tuple[Ending, Trouble | None]:
        iterator = self.staff.worker(who).attempt(task, model=model, so_far=tuple(steps), scope=scope)
        box = self.office.boxes[who.name]
        async with aclosing(cast("_Closable", iterator)) as attempt:
            while True:
                async with self.gate.passing():
                    box.state = "processing"
                    step = await anext(attempt, None)
                if step is None:
                    return Ending(reason="no_answer", detail="the attempt ended without a word"), None
                if steps and steps[-1].missing():
                    steps.pop()
                steps.append(step)
                self._show(who, _doing(step))
                trouble = watch.take(step) if self.office.limits.monitors else None
                if step.ending is not None or trouble is not None:
                    return step.ending or Ending(reason="stopped"), trouble

    def _show(self, who: Employee, what: str) -> None:
        account = self.office.scope_of(who).account
        self.office.scope.show(
            LiveEvent(
                scope=who.scope,
                what=what,
                step=self.office.turns.get(who.name),
                model=self.staff.model(who, self.above).card.name,
                text=who.status,
                cost_usd=account.spent.usd,
            )
        )


class _Closable(AsyncIterator[Step]):
    """What a Worker's iterator is in fact: a generator, which can be closed."""

    async def aclose(self) -> None:
        """Cancel it."""
        await asyncio.sleep(0)


def _doing(step: Step) -> str:
    calls = [] if step.reply is None else [call.tool_name for call in step.reply.tool_calls]
    return " + ".join(dict.fromkeys(calls)) or "speaks"
