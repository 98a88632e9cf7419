"""A clock that stands still until somebody sleeps."""

from __future__ import annotations

import asyncio


class StillClock:
    """Starts at `at` Unix seconds; `sleep` moves it on at once."""

    def __init__(self, at: float = 1_000_000_000.0) -> None:
        self._at = at

    def now(self) -> float:
        """Unix seconds."""
        return self._at

    async def sleep(self, seconds: float) -> None:
        """Move the time on and let others run."""
        self._at += seconds
        await asyncio.sleep(0)
