"""A Worker that remembers: what its steps held is kept in the journal and can be recalled in a later attempt.

Wraps any Worker. Memories belong to a scope chosen by whoever wraps, such as an employee's, so that they outlive the
attempt; a step that a crash kept from being remembered is remembered when the attempt goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from parcae.agents.memory import Memory, Remembered, pieces_of, texts_of
from parcae.core.protocols import Embedder, Journal, Model, Worker
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Step

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Memories:
    """The memory of each scope of a run, over one journal."""

    def __init__(self, journal: Journal, embedder: Embedder) -> None:
        self.journal, self.embedder = journal, embedder
        self._held: dict[str, Memory] = {}
        self._clocks: dict[str, int] = {}
        self._sources: dict[str, set[str]] = {}

    async def load(self, run: str) -> None:
        """Know again what every scope below `run` remembered: after a crash, before anything else."""
        for entry in await self.journal.read(run, [Remembered]):
            event = entry.event
            self._of(event.scope).restore(event)
            self._clocks[event.scope] = max(self._clocks.get(event.scope, 0), event.at)
            self._sources.setdefault(event.scope, set()).add(event.source)

    async def keep(self, scope: str, pieces: Sequence[str], *, source: str) -> None:
        """Remember `pieces` in `scope`, durably; what came from `source` (a step) before is not kept twice."""
        known = self._sources.setdefault(scope, set())
        if source in known or not pieces:
            return
        known.add(source)
        at = self._clocks[scope] = self._clocks.get(scope, 0) + 1
        memory = self._of(scope)
        event = memory.event(scope, pieces, at=at, source=source)
        memory.restore(event)
        await self.journal.append([event])

    def recall(self, scope: str, query: str, *, room_chars: int = 1_600, most: int = 8) -> tuple[str, ...]:
        """What `scope` remembers that matters to `query`, best first."""
        memory = self._held.get(scope)
        if memory is None:
            return ()
        queries = list(pieces_of(query))[-6:]
        return memory.recall(queries, now=self._clocks.get(scope, 0), room_chars=room_chars, most=most)

    def _of(self, scope: str) -> Memory:
        memory = self._held.get(scope)
        if memory is None:
            memory = self._held[scope] = Memory(self.embedder)
        return memory


class Remembering:
    """`worker`, whose steps are kept in `memories` under the scope that `whose` names for an attempt's scope."""

    def __init__(self, worker: Worker, memories: Memories, whose: Callable[[str], str] = str) -> None:
        self.worker, self.memories, self.whose = worker, memories, whose

    async def attempt(
        self, task: Task, *, model: Model, so_far: Sequence[Step] = (), scope: Scope
    ) -> AsyncIterator[Step]:
        """As `worker` does it; each step is remembered before it is yielded."""
        for number, step in enumerate(so_far):
            if not step.missing():
                await self._keep(scope.id, number, step)
        number = sum(not step.missing() for step in so_far)
        inner = self.worker.attempt(task, model=model, so_far=so_far, scope=scope)
        async with aclosing(cast("AsyncGenerator[Step]", inner)) as steps:
            async for step in steps:
                await self._keep(scope.id, number, step)
                number += 1
                yield step

    async def _keep(self, scope: str, number: int, step: Step) -> None:
        await self.memories.keep(self.whose(scope), texts_of(step), source=f"{scope}#{number}")
