"""A history on the wire as steps, which is what forecasters read and what the journal keeps.

pydantic-ai, whose messages steps are made of, is loaded only where a forecaster wants whole steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from parcae.core.trajectory import Observation, Step
from parcae.core.usage import Usage
from parcae.gateway.dialect import Asked, Dialect, Result, Said
from parcae.graphs.nodes import call_of
from parcae.graphs.turns import Turn


class Told(NamedTuple):
    """One complete step: the reply, what its tools gave back, who replied, what was said to it before."""

    said: Said
    results: Sequence[Result]
    model: str
    asked: str | None = None
    cost_usd: float | None = None


def turn_of(told: Told) -> Turn:
    """What forecasters read of it."""
    return Turn(
        calls=tuple(call_of(call.name, call.arguments) for call in told.said.calls),
        observed_chars=sum(len(result.text) for result in told.results),
        errors=sum(result.is_error for result in told.results),
    )


def step_of(told: Told) -> Step:
    """The whole of it, in the product's own messages."""
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

    said = told.said
    text = [TextPart(content=said.text)] if said.text else []
    calls = [ToolCallPart(tool_name=call.name, args=call.arguments, tool_call_id=call.id) for call in said.calls]
    return Step(
        model=told.model,
        asked=told.asked,
        reply=ModelResponse(parts=[*text, *calls], model_name=told.model),
        observations=observations(told),
        usage=said.usage or Usage(),
        cost_usd=told.cost_usd,
    )


def observations(told: Told) -> tuple[Observation, ...]:
    """What its tools gave back."""
    names = {call.id: call.name for call in told.said.calls}
    return tuple(
        Observation(
            call_id=result.call_id, tool=names.get(result.call_id, ""), content=result.text, is_error=result.is_error
        )
        for result in told.results
    )


def history(dialect: Dialect, asked: Asked) -> Iterator[tuple[Said, Sequence[Result], str | None]]:
    """Every completed turn in a request's history: what the model said, what the tools gave back, what was asked."""
    replies = [index for index, message in enumerate(asked.messages) if message.from_model]
    for number, index in enumerate(replies):
        end = replies[number + 1] if number + 1 < len(replies) else len(asked.turns)
        before = replies[number - 1] + 1 if number else index
        yield (
            dialect.said(asked.turns[index]),
            tuple(results(dialect, asked, index + 1, end)),
            words(dialect, asked, before, index),
        )


def results(dialect: Dialect, asked: Asked, start: int, end: int) -> Iterator[Result]:
    """The tool results in the turns from `start` to `end`."""
    for turn in asked.turns[start:end]:
        yield from dialect.results(turn)


def words(dialect: Dialect, asked: Asked, start: int, end: int) -> str | None:
    """What the client said itself in the turns from `start` to `end`; None if nothing."""
    texts = [dialect.text(turn) for turn in asked.turns[start:end] if not dialect.results(turn)]
    return "\n".join(text for text in texts if text) or None


def last_reply(asked: Asked) -> int:
    """The index of the model's last turn; -1 if it has not spoken."""
    for index in range(len(asked.messages) - 1, -1, -1):
        if asked.messages[index].from_model:
            return index
    return -1


def question(dialect: Dialect, asked: Asked, *, most: int = 20_000) -> str:
    """The opening of a conversation: what the client said before the model first spoke, without the system's prompt."""
    end = next((index for index, message in enumerate(asked.messages) if message.from_model), len(asked.turns))
    said = [turn for turn in asked.turns[:end] if turn.get("role") not in ("system", "developer")]
    return "\n".join(dialect.text(turn) for turn in said or asked.turns[:end])[:most]
