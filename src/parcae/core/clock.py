"""The real time. Tests use `parcae.testing.clock.StillClock`."""

from __future__ import annotations

import asyncio
import time


class WallClock:
    """The machine's clock."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
