"""Runs the tool calls of one reply, under the rules for effects. Knows nothing of models or money.

No call is dropped: unknown tools, malformed arguments and refusals come back as observations that are errors.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

from parcae.core.errors import ParcaeError
from parcae.core.events import CallStarted, OutboxQueued
from parcae.core.protocols import JsonValue, Tool, ToolRefused, ToolSpec
from parcae.core.scope import Scope
from parcae.core.trajectory import Observation

if TYPE_CHECKING:
    from pydantic_ai.messages import ToolCallPart

log = logging.getLogger(__name__)

INTERRUPTED = "interrupted: the process ended while this call was under way, its outcome is unknown"
QUEUED = "queued: it will be done if this attempt is chosen"
TURN_OVER = "no tool may be called in this turn; answer in plain text"
EVERYTHING = "*"


async def run_calls(
    calls: Sequence[ToolCallPart],
    offered: Mapping[str, Tool],
    scope: Scope,
    step: int,
    *,
    interrupted: frozenset[str] = frozenset(),
) -> AsyncIterator[Observation]:
    """Each call's observation as it arrives: calls that only read run side by side, others one after another.

    `interrupted` holds the ids of outside calls that were under way when an earlier process ended.
    """
    independent: list[ToolCallPart] = []
    for call in calls:
        if _only_reads(call, offered):
            independent.append(call)
            continue
        async for observation in _side_by_side(independent, offered, scope, step):
            yield observation
        independent = []
        yield await _run(call, offered, scope, step, call.tool_call_id in interrupted)
    async for observation in _side_by_side(independent, offered, scope, step):
        yield observation


def _only_reads(call: ToolCallPart, offered: Mapping[str, Tool]) -> bool:
    tool = offered.get(call.tool_name)
    return tool is None or tool.spec.effect == "read"


async def _side_by_side(
    calls: Sequence[ToolCallPart], offered: Mapping[str, Tool], scope: Scope, step: int
) -> AsyncIterator[Observation]:
    if len(calls) <= 1:
        for call in calls:
            yield await _run(call, offered, scope, step, False)
        return
    running = [asyncio.ensure_future(_run(call, offered, scope, step, False)) for call in calls]
    try:
        for done in asyncio.as_completed(running):
            yield await done
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _run(
    call: ToolCallPart, offered: Mapping[str, Tool], scope: Scope, step: int, interrupted: bool
) -> Observation:
    content, is_error = await _result(call, offered, scope, step, interrupted)
    return Observation(call_id=call.tool_call_id, tool=call.tool_name, content=content, is_error=is_error)


async def _result(
    call: ToolCallPart, offered: Mapping[str, Tool], scope: Scope, step: int, interrupted: bool
) -> tuple[str, bool]:
    tool = offered.get(call.tool_name)
    if tool is None:
        return (_unknown(call.tool_name, offered) if offered else TURN_OVER), True
    try:
        arguments: Mapping[str, JsonValue] = call.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError) as wrong:
        return f"the arguments of {call.tool_name} are not a JSON object ({wrong}); send them again", True
    try:
        if tool.spec.effect == "outside":
            return await _outside(call, tool, arguments, scope, step, interrupted)
        return _within(await tool.call(arguments, scope, key=_key(scope, step, call)), tool.spec), False
    except ToolRefused as refusal:
        return _within(str(refusal), tool.spec), True
    except ParcaeError:
        raise
    except Exception as broken:  # a stranger's tool may raise anything; the model is told and the log keeps it
        log.warning("tool %s failed in %s", call.tool_name, scope.id, exc_info=broken)
        return _within(f"{call.tool_name} failed: {type(broken).__name__}: {broken}", tool.spec), True


async def _outside(
    call: ToolCallPart, tool: Tool, arguments: Mapping[str, JsonValue], scope: Scope, step: int, interrupted: bool
) -> tuple[str, bool]:
    spec, call_id = tool.spec, call.tool_call_id
    if spec.name not in scope.grants and EVERYTHING not in scope.grants:
        raise ToolRefused(f"{spec.name} acts outside and was not granted here; the plan must grant it by name")
    if scope.contested:
        if not spec.waits:
            raise ToolRefused(f"{spec.name} acts outside and cannot wait; run this task with one attempt to use it")
        text = json.dumps(arguments)
        queued = OutboxQueued(scope=scope.id, step=step, call_id=call_id, tool=spec.name, arguments=text)
        await scope.journal.append([queued])
        return QUEUED, False
    if interrupted and not spec.keyed:
        return INTERRUPTED, True
    if not spec.keyed:  # a keyed call may be made again, so nobody needs to know that it was begun
        await scope.journal.append([CallStarted(scope=scope.id, step=step, call_id=call_id)])
    return _within(await tool.call(arguments, scope, key=_key(scope, step, call)), spec), False


def _key(scope: Scope, step: int, call: ToolCallPart) -> str:
    return f"{scope.id}/{step}/{call.tool_call_id}"


def _unknown(name: str, offered: Mapping[str, Tool]) -> str:
    return f"there is no tool {name!r}; known are {', '.join(offered)}"


def _within(text: str, spec: ToolSpec) -> str:
    if len(text) <= spec.max_chars:
        return text
    return f"{text[: spec.max_chars]}\n[cut: {len(text) - spec.max_chars} more characters]"
