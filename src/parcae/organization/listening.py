"""Follows the journal for what people do from another process: pause, resume, cancel, a letter, an answer.

Employees never wait on this: it is for people, whose rows another process appends.
"""

from __future__ import annotations

import asyncio

from parcae.organization.events import Controlled
from parcae.organization.office import Office


async def listen(office: Office, awake: asyncio.Event, seconds: float) -> None:
    """Take in what people appended, every `seconds`, until cancelled."""
    journal, scope = office.scope.journal, office.scope.id
    seen = 0
    while True:
        for one in await journal.read(scope, [Controlled], after=seen, below=False):
            seen = one.seq
            office.apply(one.event)
        if office.unread:
            awake.set()
        await office.scope.clock.sleep(seconds)
