"""What the winner wanted to do outside is done, once; what the others wanted is not (contract 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from parcae.core.events import AttemptStarted, CallStarted, OutboxQueued, OutboxReleased
from parcae.core.protocols import Journal, Tool, ToolRefused
from parcae.core.scope import Scope

UNKNOWN = "interrupted: the process ended while this call was under way; it was not repeated"


async def release(winner: Scope, tools: Mapping[str, Tool]) -> tuple[OutboxReleased, ...]:
    """Make the calls that wait in the outbox of the attempt in `winner`, in their order, each at most once.

    Of a fork, what it shares with its origin comes first.
    A call that an earlier process had started is sent again only if its tool honours idempotency keys.
    """
    calls, started, done = await queued(winner.journal, winner.id), set(), set()
    for scope in dict.fromkeys((winner.id, *(call.scope for call in calls))):
        started |= {_place(one.event) for one in await winner.journal.read(scope, [CallStarted])}
        done |= {_place(one.event) for one in await winner.journal.read(scope, [OutboxReleased])}
    released = []
    for call in calls:
        if _place(call) not in done:
            released.append(await _release(call, winner, tools[call.tool], _place(call) in started))
    return tuple(released)


async def queued(journal: Journal, scope: str, steps: int | None = None) -> tuple[OutboxQueued, ...]:
    """The calls that the attempt in `scope` put into its outbox, in its first `steps` steps or in all, released or not.

    Of a fork, those of the steps that it shares with its origin come first. A call that a crash left unanswered was put
    there once more when the attempt went on: it is one call.
    """
    begun = [one.event for one in await journal.read(scope, [AttemptStarted], below=False)]
    fork = next((one for one in begun if one.forked_from is not None), None)
    before = () if fork is None else await queued(journal, str(fork.forked_from), fork.after_steps)
    own = [one.event for one in await journal.read(scope, [OutboxQueued])]
    once = {_place(call): call for call in own if steps is None or call.step < steps}
    return (*before, *once.values())


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
