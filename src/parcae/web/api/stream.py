"""Server-sent events over the journal's tail. The id of each is its place in the journal: whoever comes back goes on
after the last one that arrived, and nothing is missed or sent twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

from parcae.core.protocols import Journal
from parcae.store.codec import encode
from parcae.web.api.told import STREAMED, plain

POLL_SECONDS = 0.25
QUIET_POLLS = 40  # then a comment is sent, so that a lost connection is noticed


async def tail(
    journal: Journal, scope: str, after: int, *, ticks: bool, over: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Every event of `scope` after the place `after`; with `ticks` one message for all that came together."""
    quiet = 0
    yield b"retry: 500\n\n"
    while not over():
        entries = await journal.read(scope, STREAMED, after=after)
        quiet = 0 if entries else quiet + 1
        if entries and ticks:
            after = entries[-1].seq
            yield _message(after, json.dumps({"seq": after, "events": len(entries)}))
        for entry in () if ticks else entries:
            after, event = entry.seq, plain(entry.event)
            head = {"seq": after, "at": entry.at, "scope": event.scope, "kind": event.kind}
            yield _message(after, f'{json.dumps(head)[:-1]}, "body": {encode(event).decode()}}}')
        if quiet and quiet % QUIET_POLLS == 0:
            yield b": still here\n\n"
        await asyncio.sleep(POLL_SECONDS)


def _message(place: int, data: str) -> bytes:
    return f"id: {place}\ndata: {data}\n\n".encode()
