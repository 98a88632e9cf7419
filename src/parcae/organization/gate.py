"""A gate between steps: while it is shut nobody begins one, and whoever shut it knows when the last has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Open at first. Any number may be inside."""

    def __init__(self) -> None:
        self._open, self._empty = asyncio.Event(), asyncio.Event()
        self._open.set()
        self._empty.set()
        self._inside = 0

    @property
    def is_open(self) -> bool:
        """Whether steps may begin."""
        return self._open.is_set()

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Wait until the gate is open; inside while the block runs."""
        while not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    async def shut(self) -> None:
        """Let nobody in any more, and wait until nobody is inside."""
        self._open.clear()
        await self._empty.wait()

    def open(self) -> None:
        """Let steps begin again."""
        self._open.set()
