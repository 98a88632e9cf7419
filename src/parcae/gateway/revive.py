"""Runs go on after a restart: who they are is read from the journal, what they did stands in their next request.

Knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence

from parcae.core.events import (
    AttemptEquipped,
    AttemptStarted,
    Decided,
    Forecasted,
    RunStarted,
    Settled,
    StepCompleted,
    StepObserved,
    StepReplied,
)
from parcae.core.protocols import Event, Journal
from parcae.gateway.config import Key
from parcae.gateway.events import GatewayOpened, GatewayServed, GatewayStopped
from parcae.gateway.flights import Flights
from parcae.gateway.identity import Marks
from parcae.gateway.refusal import Refusal
from parcae.gateway.runs import Run
from parcae.gateway.state import Gateway
from parcae.store.codec import decode

_KINDS: tuple[type[Event], ...] = (GatewayServed, GatewayStopped)
_STEPS: tuple[type[Event], ...] = (
    RunStarted, AttemptStarted, AttemptEquipped, StepReplied, StepObserved, StepCompleted,
)  # fmt: skip
_PUT: tuple[type[Event], ...] = (*_STEPS, Forecasted, Decided, Settled, *_KINDS)
PROCESS = "gateway/process"


async def revive(gateway: Gateway) -> int:
    """Take up the runs that were heard of lately; how many there are.

    Reading begins at the last start (or hourly mark) before the oldest run that could still go on, so that a start does
    not take longer with every month of journal.

    Raises:
        StoreFailed: the journal cannot be read.
    """
    since = gateway.clock.now() - gateway.config.bounds.idle_seconds
    marks = await gateway.journal.read(PROCESS, [GatewayOpened])
    after = max((mark.seq for mark in marks if mark.at < since), default=0)
    keys = {"open": None, **{key.name: key for key in gateway.config.keys}}
    revived: dict[str, Run] = {}
    for entry in await gateway.journal.read("gateway/runs", _KINDS, after=after):
        event = entry.event
        if isinstance(event, GatewayStopped) and event.scope in revived:
            revived[event.scope].stopped = event.why
        if not isinstance(event, GatewayServed) or entry.at < since or event.key not in keys:
            continue
        run = revived.get(event.scope) or _run(gateway, keys[event.key], event)
        if run is None:
            continue
        revived[event.scope] = run
        run.rung, run.completed, run.cost_usd = min(event.rung, len(run.ladder) - 1), event.number, event.cost_usd
        run.revived_at = event.step
        marked = Marks(
            asked=bytes.fromhex(event.asked), served=bytes.fromhex(event.served), said=bytes.fromhex(event.said)
        )
        gateway.runs.identities(keys[event.key]).restore(
            event.run, event.task, event.step, marked, event.call_ids, sure=run.sure
        )
        gateway.runs.touch(keys[event.key], run, entry.at)
    gateway.recorder.put([GatewayOpened(scope=PROCESS)])
    return len(revived)


async def recover(journal: Journal, flights: Flights) -> int:
    """Write what the process before this one did not get into the journal before it was killed; how many events.

    Call it before anything is read from the journal. What is there already is not written again.

    Raises:
        StoreFailed: the journal cannot be read or written.
    """
    missing: list[Event] = []
    there: dict[tuple[str, str], Sequence[Event]] = {}
    kinds = {kind.kind: kind for kind in _PUT}
    for scope, kind, body in (line for kept in flights.kept for line in kept.lines):
        if (scope, kind) not in there:
            entries = await journal.read(scope, [kinds[kind]], below=False)
            there[scope, kind] = [entry.event for entry in entries]
        event = decode(kinds[kind], scope, body)
        if event not in there[scope, kind]:
            missing.append(event)
    await journal.append(missing)
    return len(missing)


async def mark_hours(gateway: Gateway) -> None:
    """Leave a mark in the journal every hour, where a later start may begin to read."""
    while True:
        await gateway.clock.sleep(3600.0)
        gateway.recorder.put([GatewayOpened(scope=PROCESS)])


def _run(gateway: Gateway, key: Key | None, event: GatewayServed) -> Run | None:
    """The run that `event` tells of; None where the configuration has no such model any more."""
    try:
        virtual = gateway.virtual(event.virtual, key)
        ladder = gateway.ladder(virtual, private=event.private)
    except Refusal:
        return None
    return Run(
        name=event.run,
        task=event.task,
        scope=event.scope,
        virtual=virtual,
        ladder=ladder,
        private=event.private,
        sure=event.evidence != "ambiguous",
    )
