"""What the winner wanted to do outside is done, once; what the others wanted is not (contract 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from parcae.core.events import CallStarted, OutboxQueued, OutboxReleased
from parcae.core.protocols import Tool, ToolRefused
from parcae.core.scope import Scope

UNKNOWN = "interrupted: the process ended while this call was under way; it was not repeated"


async def release(winner: Scope, tools: Mapping[str, Tool]) -> tuple[OutboxReleased, ...]:
    """Make the calls that wait in the outbox of the attempt in `winner`, in their order, each at most once.

    A call that an earlier process had started is sent again only if its tool honours idempotency keys.
    """
    queued = await winner.journal.read(winner.id, [OutboxQueued])
    started = {_place(one.event) for one in await winner.journal.read(winner.id, [CallStarted])}
    done = {_place(one.event) for one in await winner.journal.read(winner.id, [OutboxReleased])}
    released = []
    for one in queued:
        if _place(one.event) not in done:
            released.append(await _release(one.event, winner, tools[one.event.tool], _place(one.event) in started))
    return tuple(released)


async def _release(call: OutboxQueued, winner: Scope, tool: Tool, started: bool) -> OutboxReleased:
    if started and not tool.spec.keyed:
        result = UNKNOWN
    else:
        await winner.journal.append([CallStarted(scope=call.scope, step=call.step, call_id=call.call_id)])
        result = await _send(call, winner, tool)
    event = OutboxReleased(scope=call.scope, step=call.step, call_id=call.call_id, result=result)
    await winner.journal.append([event])
    return event


async def _send(call: OutboxQueued, winner: Scope, tool: Tool) -> str:
    try:
        return await tool.call(json.loads(call.arguments), winner, key=f"{call.scope}/{call.step}/{call.call_id}")
    except ToolRefused as refusal:
        return f"refused: {refusal}"


def _place(event: OutboxQueued | OutboxReleased | CallStarted) -> tuple[str, int, str]:
    return event.scope, event.step, event.call_id
