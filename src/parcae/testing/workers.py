"""The contract of every Worker, as tests to inherit: subclass WorkerContract and say which worker, task and models.

The models must be pure functions of the request (`ScriptedModel` with functions, or a builtin model), so that an
interrupted run and an uninterrupted one can be compared.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

import pytest

from parcae.core.events import StepCompleted, StepReplied
from parcae.core.protocols import Event, Journal, Model, Worker
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Step, Trajectory
from parcae.core.usage import Limits
from parcae.ledger.account import open_account
from parcae.store.memory import MemoryJournal
from parcae.store.replay import rebuild
from parcae.testing.clock import StillClock
from parcae.testing.crashes import Crash, MortalJournal

RUN = "run"


async def scope_in(journal: Journal, *, usd: float = 100.0) -> Scope:
    """A fresh process's scope on `journal`, with a budget."""
    account = open_account(RUN, Limits(usd=usd), journal)
    return Scope(id=RUN, account=account, journal=journal, clock=StillClock(), seed=7, grants=frozenset({"*"}))


def shown(steps: Sequence[Step]) -> list[tuple[object, ...]]:
    """What counts of `steps`: everything but when it happened."""
    return [
        (
            step.model,
            step.asked,
            None if step.reply is None else [_part(part) for part in step.reply.parts],
            step.observations,
            step.usage,
            step.cost_usd,
            step.ending,
        )
        for step in steps
    ]


def _part(part: object) -> tuple[object, ...]:
    names = ("part_kind", "content", "tool_name", "args", "tool_call_id")
    return tuple(getattr(part, name, None) for name in names)


class WorkerContract(ABC):
    """Inherit, and give `worker`, `task` and `model`; `other_model` is what a swap goes to."""

    most_appends = 400

    @abstractmethod
    def worker(self) -> Worker:
        """A new worker, as a new process would make it."""

    @abstractmethod
    def task(self) -> Task:
        """The task, the same each time."""

    @abstractmethod
    def model(self) -> Model:
        """A model that is a pure function of the request."""

    def other_model(self) -> Model:
        """Another one."""
        return self.model()

    async def run(self, journal: Journal, model: Model | None = None) -> list[Step]:
        """Go on from where `journal` ends, as a new process would, to the end."""
        scope, task = await scope_in(journal), self.task()
        before = (await rebuild(journal, RUN, task.id)).steps
        steps = [step for step in before if not step.missing()]
        if steps and steps[-1].ending is not None:
            return steps
        async for step in self.worker().attempt(task, model=model or self.model(), so_far=before, scope=scope):
            steps.append(step)
        return steps

    async def test_only_the_last_step_carries_the_ending(self) -> None:
        """And there is one."""
        steps = await self.run(MemoryJournal())
        assert steps[-1].ending is not None
        assert all(step.ending is None for step in steps[:-1])
        assert not any(step.missing() for step in steps)

    async def test_a_step_is_durable_when_it_is_yielded(self) -> None:
        """The journal tells the same as the iterator, at every step."""
        journal, task, steps = MemoryJournal(), self.task(), list[Step]()
        scope = await scope_in(journal)
        async for step in self.worker().attempt(task, model=self.model(), scope=scope):
            steps.append(step)
            assert shown((await rebuild(journal, RUN, task.id)).steps) == shown(steps)

    async def test_stopping_the_iterator_pauses_and_resuming_goes_on(self) -> None:
        """At every step, with a new worker in a new process."""
        whole = await self.run(MemoryJournal())
        for cut in range(len(whole)):
            journal = MemoryJournal()
            scope, taken = await scope_in(journal), 0
            async with aclosing(self.worker().attempt(self.task(), model=self.model(), scope=scope)) as steps:  # type: ignore[type-var]  # a Worker's iterator is a generator
                while taken < cut:
                    await anext(steps)
                    taken += 1
            assert shown(await self.run(journal)) == shown(whole), f"cut after {cut} steps"

    @pytest.mark.parametrize("writes_first", [False, True])
    async def test_a_crash_at_any_write_changes_nothing_and_pays_nothing_twice(self, writes_first: bool) -> None:
        """The final state is that of an uninterrupted run; no reply that was settled is asked for again."""
        whole_journal = MemoryJournal()
        whole = await self.run(whole_journal)
        members = await _everything(whole_journal)
        for lives in range(self.most_appends):
            journal = MemoryJournal()
            mortal = MortalJournal(journal, lives, writes_first=writes_first)
            with suppress(Crash, BaseExceptionGroup):
                await self.run(mortal)
            if not mortal.dead:
                return
            await asyncio.sleep(0)
            resumed = await self.run(journal)
            assert shown(resumed) == shown(whole), f"died at append {lives}"
            assert await _everything(journal) == members, f"died at append {lives}"
            replies = Counter((one.scope, one.step) for one in await _events(journal))
            assert max(replies.values(), default=0) <= 1, f"died at append {lives}: a settled call was paid again"
        raise AssertionError(f"the run makes more than {self.most_appends} appends; raise `most_appends`")

    async def test_closing_ends_it_and_nothing_runs_after(self) -> None:
        """Contract 12: what was begun is settled, and the journal stays as it is."""
        journal = MemoryJournal()
        scope = await scope_in(journal)
        iterator = self.worker().attempt(self.task(), model=self.model(), scope=scope)
        await anext(iterator)
        await iterator.aclose()  # type: ignore[attr-defined]  # a Worker's iterator is a generator
        before = len(await journal.read(RUN, [StepReplied, StepCompleted]))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(await journal.read(RUN, [StepReplied, StepCompleted])) == before
        assert scope.account.spent.usd <= 100.0

    async def test_it_goes_on_with_another_model(self) -> None:
        """A swap is resuming with another model: what was done stays, and the attempt ends."""
        journal = MemoryJournal()
        scope = await scope_in(journal)
        async with aclosing(self.worker().attempt(self.task(), model=self.model(), scope=scope)) as steps:  # type: ignore[type-var]  # a Worker's iterator is a generator
            first = await anext(steps)
        if first.ending is None:
            swapped = await self.run(journal, self.other_model())
            assert shown(swapped[:1]) == shown([first])
            assert swapped[-1].ending is not None


async def _events(journal: MemoryJournal) -> list[StepReplied]:
    return [one.event for one in await journal.read(RUN, [StepReplied])]


async def _everything(journal: MemoryJournal) -> dict[str, list[tuple[object, ...]]]:
    """What every scope below the run did, without when."""
    kinds: tuple[type[Event], ...] = (StepReplied, StepCompleted)
    scopes = {one.event.scope for one in await journal.read(RUN, kinds)}
    found: dict[str, Trajectory] = {scope: await rebuild(journal, scope, "") for scope in scopes}
    return {scope: shown([replace(step, commit=None) for step in found[scope].steps]) for scope in sorted(found)}
