"""Writes events to the journal: requests put, one task appends whatever has gathered, in one commit for all.

Before the end of a reply reaches the client, all that it adds is where no crash of the process forgets it: in the table
of calls under way, or, where that has no room (`flush`), in the journal. Knows nothing of events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress

from parcae.core.errors import StoreFailed
from parcae.core.protocols import Event, Journal
from parcae.gateway.flights import Flights

_MOST = 20_000
_GATHER_SECONDS = 0.005  # while nobody waits for them, lines gather so long for one commit
_log = logging.getLogger("parcae.gateway")


class Recorder:
    """The only writer of the gateway's events. `failed` holds what broke; then nothing more is written."""

    def __init__(self, journal: Journal, flights: Flights | None = None) -> None:
        self._journal, self._flights = journal, flights
        self._gathered: list[Event] = []
        self._landed: list[int] = []
        self._more = asyncio.Event()
        self._hurry = asyncio.Event()  # somebody waits
        self._waiting: list[asyncio.Future[None]] = []  # for what has gathered
        self._writing: list[asyncio.Future[None]] | None = None  # for what is being written
        self._task: asyncio.Task[None] | None = None
        self._in_writing = 0
        self.written = 0  # how many events are durable
        self.failed: StoreFailed | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write(), name="gateway-recorder")

    def put(self, events: Iterable[Event]) -> None:
        """Write these soon, in order, after all that was put before."""
        self._gathered.extend(events)
        if self._gathered:
            self._more.set()

    def landed(self, slots: Sequence[int]) -> None:
        """The calls in these slots are settled by what is put before the loop turns."""
        self._landed.extend(slots)

    @property
    def put_so_far(self) -> int:
        """How many events were put; they are durable once `written` is as large."""
        return self.written + self._in_writing + len(self._gathered)

    def since(self, place: int) -> Sequence[Event]:
        """What was put after `put_so_far` was `place`, in this turn of the loop."""
        return self._gathered[place - self.put_so_far :] if place < self.put_so_far else ()

    @property
    def waiting(self) -> int:
        """How many events are not written yet."""
        return len(self._gathered)

    async def room(self) -> None:
        """Wait while too much has gathered."""
        if len(self._gathered) > _MOST:
            await self.flush()

    async def flush(self) -> None:
        """Wait until everything put so far is durable, or the journal has failed."""
        if self.failed is not None or self._task is None:
            return
        waiting = self._waiting if self._gathered else self._writing
        if waiting is not None:
            done = asyncio.get_running_loop().create_future()
            waiting.append(done)
            self._hurry.set()
            await done

    async def close(self) -> None:
        """Write what is left and stop."""
        await self.flush()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write(self) -> None:
        while self.failed is None:
            await self._more.wait()
            if not self._hurry.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_GATHER_SECONDS):
                        await self._hurry.wait()
            self._more.clear()
            self._hurry.clear()
            batch, self._gathered = self._gathered, []
            self._in_writing = len(batch)
            landed, self._landed = self._landed, []
            self._writing, self._waiting = self._waiting, []
            try:
                await self._journal.append(batch)
                self.written, self._in_writing = self.written + len(batch), 0
                if self._flights is not None:
                    self._flights.land(landed)
            except StoreFailed as error:
                self.failed = error
                _log.error("the journal failed: %s", error)
            written, self._writing = self._writing, None
            _wake(written)
        _wake(self._waiting)


def _wake(waiting: Iterable[asyncio.Future[None]]) -> None:
    for one in waiting:
        if not one.done():
            one.set_result(None)
