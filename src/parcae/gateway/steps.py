"""A history on the wire as steps, which is what forecasters read and what the journal keeps.

The only module of the gateway's hot path that loads pydantic-ai, and only when a step is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parcae.core.trajectory import Observation, Step
from parcae.core.usage import Usage
from parcae.gateway.dialect import Asked, Dialect, Result, Said


def step_of(
    said: Said, results: Sequence[Result], *, model: str, asked: str | None = None, cost_usd: float | None = None
) -> Step:
    """One step of a run: the reply and what its tools gave back."""
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

    names = {call.id: call.name for call in said.calls}
    text = [TextPart(content=said.text)] if said.text else []
    calls = [ToolCallPart(tool_name=call.name, args=call.arguments, tool_call_id=call.id) for call in said.calls]
    return Step(
        model=model,
        asked=asked,
        reply=ModelResponse(parts=[*text, *calls], model_name=model),
        observations=tuple(
            Observation(
                call_id=result.call_id,
                tool=names.get(result.call_id, ""),
                content=result.text,
                is_error=result.is_error,
            )
            for result in results
        ),
        usage=said.usage or Usage(),
        cost_usd=cost_usd,
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
