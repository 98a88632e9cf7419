"""A journal that keeps nothing: for bare runs, where speed counts and a crash may lose everything."""

from __future__ import annotations

from collections.abc import Sequence

from parcae.core.protocols import E, Event, Recorded


class NowhereJournal:
    """Takes every event and forgets it; nothing is ever there to be read."""

    async def append(self, events: Sequence[Event]) -> None:
        """Forget `events`."""

    async def read(
        self, scope: str, kinds: Sequence[type[E]], *, after: int = 0, below: bool = True
    ) -> Sequence[Recorded[E]]:
        """Nothing."""
        return ()
