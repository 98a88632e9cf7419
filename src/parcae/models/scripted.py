"""A model that says what it was told to say: for tests, demonstrations and measurements without a provider.

Knows nothing of what the words mean. Tokens are counted from the real messages, four bytes a token.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias, Union

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

from parcae.core.errors import CallerMistake
from parcae.core.protocols import JsonValue, ModelCard, OnText, Reply, Request
from parcae.core.usage import Price, Usage
from parcae.models.bounds import messages_bound

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage

BYTES_A_TOKEN = 4
FREE = Price(prompt_usd=0.0, completion_usd=0.0, nominal=True)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Scripted: TypeAlias = Union[ModelResponse, Exception, Callable[[Request], ModelResponse | Awaitable[ModelResponse]]]  # noqa: UP007  # a forward alias


def say(text: str) -> ModelResponse:
    """A reply of `text`."""
    return ModelResponse(parts=[TextPart(content=text)], timestamp=LONG_AGO)


def call(tool: str, /, **arguments: JsonValue) -> ModelResponse:
    """A reply that calls `tool`. The model that says it gives the call its id."""
    return ModelResponse(
        parts=[ToolCallPart(tool_name=tool, args=dict(arguments), tool_call_id="")], timestamp=LONG_AGO
    )


def together(*replies: ModelResponse) -> ModelResponse:
    """One reply with the parts of all `replies`: text and several calls at once."""
    return ModelResponse(parts=[part for reply in replies for part in reply.parts], timestamp=LONG_AGO)


class ScriptedModel:
    """Gives `replies` in order; an exception among them is raised, a function is called with the request.

    `seen` holds the messages of every request, oldest first. `latency_seconds` is how long a reply takes.
    """

    def __init__(
        self,
        name: str,
        replies: Iterable[Scripted],
        *,
        price: Price | None = FREE,
        latency_seconds: float = 0.0,
        card: ModelCard | None = None,
    ) -> None:
        self._card = card or ModelCard(name=name, price=price, local=True)
        self._replies = iter(replies)
        self.latency_seconds = latency_seconds
        self.seen: list[list[ModelMessage]] = []

    @property
    def card(self) -> ModelCard:
        """Name and price as given."""
        return self._card

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        """The next line of the script.

        Raises:
            CallerMistake: the script is at its end.
        """
        number = len(self.seen)
        self.seen.append(list(request.messages))
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        message = await self._next(request)
        message = self._named(message, number)
        if on_text is not None and message.text:
            on_text(message.text)
        return Reply(message=message, usage=count(request, message))

    async def _next(self, request: Request) -> ModelResponse:
        try:
            line = next(self._replies)
        except StopIteration:
            raise CallerMistake(
                f"the script of {self._card.name!r} ends after {len(self.seen) - 1} replies", "give it more replies"
            ) from None
        if isinstance(line, Exception):
            raise line
        if isinstance(line, ModelResponse):
            return line
        said = line(request)
        return said if isinstance(said, ModelResponse) else await said

    def _named(self, message: ModelResponse, number: int) -> ModelResponse:
        parts = [
            replace(part, tool_call_id=f"{self._card.name}-{number}-{place}")
            if isinstance(part, ToolCallPart) and not part.tool_call_id
            else part
            for place, part in enumerate(message.parts)
        ]
        return replace(message, parts=parts, model_name=self._card.name)


def count(request: Request, message: ModelResponse) -> Usage:
    """Tokens of a call, by length: at least one each way, never more than was asked for."""
    said = sum(_length(part) for part in message.parts) // BYTES_A_TOKEN
    return Usage(
        prompt_tokens=max(messages_bound(request.messages) // BYTES_A_TOKEN, 1),
        completion_tokens=min(max(said, 1), request.max_tokens),
    )


def _length(part: object) -> int:
    if isinstance(part, ToolCallPart):
        return len(part.tool_name) + len(
            part.args if isinstance(part.args, str) else json.dumps(part.args, default=str)
        )
    return len(str(getattr(part, "content", "")))
