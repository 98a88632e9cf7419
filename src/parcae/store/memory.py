"""A journal in memory: for tests and for runs that nobody needs to resume. Gone when the process ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import cast

from parcae.core.protocols import E, Event, Recorded
from parcae.store.codec import Written


class MemoryJournal:
    """Keeps the events themselves, in the order in which they were appended. `now` gives Unix seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._entries: list[Recorded[Event]] = []

    async def append(self, events: Sequence[Event]) -> None:
        """Keep `events`."""
        at, seq = self._now(), len(self._entries)
        whole = [event.whole() if isinstance(event, Written) else event for event in events]
        self._entries += [Recorded(seq=seq + place, at=at, event=event) for place, event in enumerate(whole, 1)]

    async def read(
        self, scope: str, kinds: Sequence[type[E]], *, after: int = 0, below: bool = True
    ) -> Sequence[Recorded[E]]:
        """The events of `kinds` in `scope` (and below it; "" is above every run) with `seq` above `after`, in order."""
        names, inside = {kind.kind for kind in kinds}, f"{scope}/" if scope else ""
        found = [
            entry
            for entry in self._entries[after:]
            if entry.event.kind in names
            and (entry.event.scope == scope or (below and entry.event.scope.startswith(inside)))
        ]
        return cast("Sequence[Recorded[E]]", found)
