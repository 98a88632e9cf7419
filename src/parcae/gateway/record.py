"""Writes events to the journal behind the responses: requests put, one task appends whatever has gathered.

A response never waits for the disk, unless so much has gathered that memory must be bounded. Knows nothing of events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from parcae.core.errors import StoreFailed
from parcae.core.protocols import Event, Journal

_MOST = 20_000
_log = logging.getLogger("parcae.gateway")


class Recorder:
    """The only writer of the gateway's events. `failed` holds what broke; then nothing more is written."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._gathered: list[Event] = []
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self.failed: StoreFailed | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write(), name="gateway-recorder")

    def put(self, events: Iterable[Event]) -> None:
        """Write these soon, in order, after all that was put before."""
        self._gathered.extend(events)
        if self._gathered:
            self._idle.clear()
            self._more.set()

    @property
    def waiting(self) -> int:
        """How many events are not written yet."""
        return len(self._gathered)

    async def room(self) -> None:
        """Wait while too much has gathered."""
        if len(self._gathered) > _MOST:
            await self._idle.wait()

    async def flush(self) -> None:
        """Wait until everything put so far is durable."""
        if self._task is not None and not self._task.done():
            await self._idle.wait()

    async def close(self) -> None:
        """Write what is left and stop."""
        await self.flush()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            batch, self._gathered = self._gathered, []
            try:
                if batch:
                    await self._journal.append(batch)
            except StoreFailed as error:
                self.failed = error
                _log.error("the journal failed: %s", error)
                self._idle.set()
                return
            if not self._gathered:
                self._idle.set()
