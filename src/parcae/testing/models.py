"""The contract of every Model, as tests to inherit: subclass ModelContract and say how one is made.

The model must answer any request, as often as asked; what it says is its own affair.
"""

from __future__ import annotations

import asyncio
import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from parcae.core.protocols import Model, Reply, Request, ToolSpec
from parcae.models.bounds import prompt_bound

READ = ToolSpec(
    name="read",
    description="Read a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string", "description": "which"}},
        "required": ["path"],
        "additionalProperties": False,
    },
    effect="read",
)


def asked(*messages: ModelMessage, **changes: object) -> Request:
    """A request that ends in `messages`, or in a plain question."""
    opening = ModelRequest(parts=[SystemPromptPart(content="You look for faults."), UserPromptPart(content="Where?")])
    settings: dict[str, object] = {"tools": (READ,), "max_tokens": 200, "seed": 7, "temperature": 0.5}
    return Request(messages=[opening, *messages], **(settings | changes))  # type: ignore[arg-type]  # fields of Request


def foreign_history() -> Sequence[ModelMessage]:
    """What other models may have left behind: signed reasoning, odd ids, wrong arguments, calls without results."""
    return (
        ModelResponse(
            parts=[
                ThinkingPart(content="first look", signature="signed elsewhere", provider_name="elsewhere"),
                TextPart(content="I will read \N{SNOWMAN} two files."),
                ToolCallPart(tool_name="read", args='{"path": "a.py"}', tool_call_id="an id|with:odd/letters" * 4),
                ToolCallPart(tool_name="read", args="{broken", tool_call_id="an id|with:odd/letters" * 4),
                ToolCallPart(tool_name="never offered!", args={}, tool_call_id=""),
            ],
            provider_name="elsewhere",
        ),
        ModelRequest(
            parts=[
                ToolReturnPart(
                    tool_name="read", content="\x1b[0m half \ud83d", tool_call_id="an id|with:odd/letters" * 4
                ),
                ToolReturnPart(tool_name="read", content="nobody asked", tool_call_id="orphan"),
            ]
        ),
        ModelResponse(parts=[]),
        ModelResponse(parts=[TextPart(content="and so on")]),
    )


class ModelContract(ABC):
    """Inherit, and give `opened`. `repeatable`: the same request and seed give the same reply."""

    repeatable = False

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[Model]:
        """A model that can be asked, until the block ends."""

    async def reply_to(self, request: Request) -> Reply:
        """What a fresh model says."""
        async with self.opened() as model:
            return await model.reply(request)

    async def test_it_has_a_card(self) -> None:
        """With a name; what is unknown is None."""
        async with self.opened() as model:
            assert model.card.name
            assert "text" in model.card.modalities
            price = model.card.price
            assert price is None or min(price.prompt_usd, price.completion_usd) >= 0

    async def test_it_never_reports_more_tokens_than_were_reserved(self) -> None:
        """What a call can cost at worst is known before it is sent (contract 9)."""
        for request in (asked(), asked(tools=()), asked(max_tokens=16), asked(*foreign_history(), max_tokens=64)):
            usage = (await self.reply_to(request)).usage
            assert 0 <= usage.cached_tokens <= usage.prompt_tokens <= prompt_bound(request)
            assert 0 <= usage.completion_tokens <= request.max_tokens

    async def test_a_conversation_goes_on(self) -> None:
        """Its calls are answered, and it answers again."""
        async with self.opened() as model:
            said = (await model.reply(asked())).message
            results: list[ModelRequestPart] = [
                ToolReturnPart(tool_name=call.tool_name, content="def f(): ...", tool_call_id=call.tool_call_id)
                for call in said.tool_calls
            ]
            following = ModelRequest(parts=results or [UserPromptPart(content="And then?")])
            assert (await model.reply(asked(said, following))).message.parts is not None

    async def test_it_takes_any_history(self) -> None:
        """Also one that another model began, that was cut, or that holds what nobody understands."""
        assert (await self.reply_to(asked(*foreign_history()))).message is not None

    async def test_it_leaves_the_request_as_it_was(self) -> None:
        """Messages are shared and kept: nobody may change them."""
        request = asked(*foreign_history())
        before, objects = copy.deepcopy(list(request.messages)), list(map(id, request.messages))
        await self.reply_to(request)
        assert list(request.messages) == before
        assert list(map(id, request.messages)) == objects

    async def test_what_streams_is_what_is_said(self) -> None:
        """Fragments for eyes add up to the text of the reply."""
        fragments: list[str] = []
        async with self.opened() as model:
            reply = await model.reply(asked(tools=()), fragments.append)
        assert "".join(fragments) == (reply.message.text or "")

    async def test_several_may_be_asked_at_once(self) -> None:
        """Nobody gets another's answer lost."""
        async with self.opened() as model:
            replies = await asyncio.gather(*(model.reply(asked(seed=number)) for number in range(5)))
        assert len(replies) == 5

    async def test_the_same_request_and_seed_give_the_same_reply(self) -> None:
        """Where the model promises that."""
        if self.repeatable:
            first, second = await self.reply_to(asked()), await self.reply_to(asked())
            assert first.message.parts == second.message.parts
            assert first.usage == second.usage

    async def test_a_call_can_be_cancelled(self) -> None:
        """And the model can be asked again."""
        async with self.opened() as model:
            call = asyncio.ensure_future(model.reply(asked()))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert (await model.reply(asked())).message is not None
