"""OpenAI's chat format without walking the history again on every call.

Expected: a request costs what is new in it. Actual: the SDK's request transform and pydantic-ai's mapping walk the
whole history each time (30 ms at 200 messages, `bench/openai_path.py`). So mapped messages are kept, and `messages` and
`tools` enter the body through `extra_body`, which the SDK does not transform: the same JSON.
Knows nothing of prices or retries.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from pydantic_ai.messages import FinishReason, ModelMessage, ModelRequest, ThinkingPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings, OpenAIStreamedResponse

from parcae.models.memo import PerMessage

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
    from pydantic_ai.profiles import ModelProfileSpec
    from pydantic_ai.providers import Provider

_UNTOLD = ModelRequestParameters()


class KeptChatModel(OpenAIChatModel):
    """An OpenAIChatModel that maps each message once."""

    def __init__(
        self, model_name: str, *, provider: Provider[AsyncOpenAI], profile: ModelProfileSpec | None = None
    ) -> None:
        super().__init__(model_name, provider=provider, profile=profile)
        self._mapped: PerMessage[list[ChatCompletionMessageParam]] = PerMessage(_nothing)
        self._tools: tuple[object, list[ChatCompletionToolParam]] | None = None

    @property
    def _streamed_response_cls(self) -> type[OpenAIStreamedResponse]:
        return _HonestStream

    async def _completions_create(  # type: ignore[override]  # the overloads differ in the literal `stream` only
        self,
        messages: list[ModelMessage],
        stream: bool,
        model_settings: OpenAIChatModelSettings,
        model_request_parameters: ModelRequestParameters,
    ) -> object:
        told = model_request_parameters
        body: dict[str, object] = {"messages": await self._kept(messages, told, model_settings)}
        if told.function_tools:
            body["tools"] = self._kept_tools(told, model_settings)
            body["tool_choice"] = "auto"
        also = cast("dict[str, object]", model_settings.get("extra_body") or {})
        settings = cast(OpenAIChatModelSettings, {**model_settings, "extra_body": {**body, **also}})
        untold = replace(told, function_tools=[], tool_visibility={}) if told.function_tools else told
        return await super()._completions_create([], stream, settings, untold)  # type: ignore[call-overload]  # as above

    async def _kept(
        self, messages: list[ModelMessage], told: ModelRequestParameters, settings: OpenAIChatModelSettings
    ) -> list[ChatCompletionMessageParam]:
        if told.instruction_parts or not all(map(_maps_alone, messages)):
            return await self._map_messages(messages, told, model_settings=settings)
        body: list[ChatCompletionMessageParam] = []
        for message in messages:
            body += self._mapped(message) or self._mapped.keep(message, await self._map_messages([message], _UNTOLD))
        return body

    def _kept_tools(
        self, told: ModelRequestParameters, settings: OpenAIChatModelSettings
    ) -> list[ChatCompletionToolParam]:
        if self._tools is None or self._tools[0] is not told.function_tools:
            self._tools = (told.function_tools, self._get_tool_choice(settings, told)[0])
        return self._tools[1]


class _HonestStream(OpenAIStreamedResponse):
    """Does not take a stream that ended without a finish reason for one that came to its end."""

    def _missing_finish_reason(self) -> FinishReason:
        return cast("FinishReason", None)


def _says_nothing_of_others(message: ModelMessage) -> bool:
    """Whether a message maps to the same JSON whatever stands around it: reasoning and instructions do not."""
    if isinstance(message, ModelRequest):
        return message.instructions is None
    return not any(isinstance(part, ThinkingPart) for part in message.parts)


def _nothing(message: ModelMessage) -> list[ChatCompletionMessageParam]:
    """Mapping is asynchronous, so a memory cannot do it itself."""
    return []


_maps_alone = PerMessage(_says_nothing_of_others)
