"""Events of every request, written as JSON by hand: making them first takes longer than all the rest of the journal.

What `store.codec` reads from these lines equals what it would read had it written the events itself; fields at their
defaults are left out. Knows nothing of requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from json import encoder

from parcae.core.events import Settled, StepCompleted, StepReplied
from parcae.core.protocols import Event
from parcae.gateway.dialect import Said
from parcae.gateway.events import GatewayServed
from parcae.gateway.identity import Marks, Placed
from parcae.gateway.runs import Run
from parcae.store.codec import Written, encode

_quoted = encoder.encode_basestring  # json's own, in C: text as JSON


class Replied(Written):
    """A StepReplied."""

    __slots__ = ()
    of = StepReplied
    kind = StepReplied.kind


class Completed(Written):
    """A StepCompleted."""

    __slots__ = ()
    of = StepCompleted
    kind = StepCompleted.kind


class Settlement(Written):
    """A Settled."""

    __slots__ = ()
    of = Settled
    kind = Settled.kind


class Served(Written):
    """A GatewayServed."""

    __slots__ = ()
    of = GatewayServed
    kind = GatewayServed.kind


def settled(event: Event) -> Settlement:
    """The settlement of a call."""
    return Settlement(event.scope, encode(event))


def completed(scope: str, step: int, model: str) -> Completed:
    """All tools of step number `step` have reported."""
    return Completed(scope, f'{{"step":{step},"model":{_quoted(model)}}}'.encode("utf-8", "replace"))


def served(run: Run, placed: Placed, marks: Marks, *, owner: str, call_ids: Sequence[str]) -> Served:
    """A request of `run` was answered; `owner` is the name of its key."""
    ids = ",".join(map(_quoted, call_ids))
    forked = "null" if placed.forked_from is None else _quoted(placed.forked_from)
    line = (
        f'{{"key":{_quoted(owner)},"task":{_quoted(run.task)},"run":{_quoted(run.name)},"step":{placed.step},'
        f'"virtual":{_quoted(run.virtual.name)},"evidence":"{placed.evidence}","asked":"{marks.asked.hex()}",'
        f'"served":"{marks.served.hex()}","said":"{marks.said.hex()}","call_ids":[{ids}],"rung":{run.rung},'
        f'"private":{"true" if run.private else "false"},"forked_from":{forked},"number":{run.completed},'
        f'"cost_usd":{_number(run.cost_usd)}}}'
    )
    return Served(run.scope, line.encode("utf-8", "replace"))


def _number(value: float | None) -> str:
    return "null" if value is None else repr(value)


def replied(
    scope: str, step: int, model: str, said: Said, *, at: float, asked: str | None = None, cost_usd: float | None = 0.0
) -> Replied:
    """What the model `model` said as step number `step`, at the Unix time `at`."""
    parts = [f'{{"content":{_quoted(said.text)},"part_kind":"text"}}'] if said.text else []
    for call in said.calls:
        parts.append(
            f'{{"tool_name":{_quoted(call.name)},"args":{_quoted(call.arguments)},'
            f'"tool_call_id":{_quoted(call.id)},"part_kind":"tool-call"}}'
        )
    name, when, usage = _quoted(model), datetime.fromtimestamp(at, UTC).isoformat(), said.usage
    tokens = (
        "{}"
        if usage is None
        else (
            f'{{"prompt_tokens":{usage.prompt_tokens},"cached_tokens":{usage.cached_tokens},'
            f'"completion_tokens":{usage.completion_tokens},"written_tokens":{usage.written_tokens},'
            f'"hour_tokens":{usage.hour_tokens}}}'
        )
    )
    return Replied(
        scope,
        (
            f'{{"step":{step},"model":{name},"reply":{{"parts":[{",".join(parts)}],"model_name":{name},'
            f'"timestamp":"{when}","kind":"response"}},"asked":{"null" if asked is None else _quoted(asked)},'
            f'"usage":{tokens},"cost_usd":{_number(cost_usd)}}}'
        ).encode("utf-8", "replace"),
    )
