"""A journal that dies at a chosen write: every crash point of a worker can be tried without killing a process."""

from __future__ import annotations

from collections.abc import Sequence

from parcae.core.protocols import E, Event, Journal, Recorded


class Crash(BaseException):
    """The process dies here. Not an Exception: nothing may catch it and go on."""


class MortalJournal:
    """Lets `lives` appends through to `journal`; the next one, and every one after it, raises Crash.

    `writes_first`: the fatal append is durable before the crash; otherwise it is lost.
    """

    def __init__(self, journal: Journal, lives: int, *, writes_first: bool = False) -> None:
        self.journal, self.lives, self.writes_first = journal, lives, writes_first
        self.dead = False

    async def append(self, events: Sequence[Event]) -> None:
        """Write, or die."""
        if self.dead:
            raise Crash
        if self.lives == 0:
            self.dead = True
            if self.writes_first:
                await self.journal.append(events)
            raise Crash
        self.lives -= 1
        await self.journal.append(events)

    async def read(
        self, scope: str, kinds: Sequence[type[E]], *, after: int = 0, below: bool = True
    ) -> Sequence[Recorded[E]]:
        """What the journal holds."""
        return await self.journal.read(scope, kinds, after=after, below=below)
