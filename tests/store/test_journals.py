"""Every journal of ours keeps the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from parcae.core.protocols import Journal
from parcae.store.memory import MemoryJournal
from parcae.store.sqlite import SqliteJournal
from parcae.testing.journals import JournalContract


class TestMemory(JournalContract):
    keeps = False

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[Journal]:
        yield MemoryJournal()


class TestSqlite(JournalContract):
    def opened(self, folder: Path) -> AbstractAsyncContextManager[Journal]:
        return SqliteJournal.open(folder / "home" / "journal.sqlite")
