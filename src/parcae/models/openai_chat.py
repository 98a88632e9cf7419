"""OpenAI's chat format without walking the history again on every call.

Expected: a request costs what is new in it. Actual: pydantic-ai's mapping and the SDK's request transform walk the
whole history each time, and the SDK and httpx add a millisecond (`bench/openai_path.py`). So each message is written as
JSON once, text and calls by `chat_json`, the rest by pydantic-ai, and a whole answer is asked for by a POST of the
joined bytes; pydantic-ai reads the answer. A streamed answer goes through the SDK, with `messages` and `tools` in
`extra_body`, which it does not transform. Both send the JSON that pydantic-ai alone would send. Knows nothing of prices
or retries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from openai.types import chat
from pydantic import ValidationError
from pydantic_ai._special_tokens import break_special_tokens_in_messages  # what `direct` does, once a message
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior
from pydantic_ai.messages import FinishReason, ModelMessage, ModelRequest, ModelResponse, ThinkingPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings, OpenAIStreamedResponse
from pydantic_ai.models.openai._chat_completions import LenientChatCompletion  # what `_validate_completion` gives

from parcae.models.chat_json import plain_json
from parcae.models.memo import PerMessage
from parcae.models.posting import Answer, Poster

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import CompletionUsage
    from pydantic_ai.profiles import ModelProfileSpec
    from pydantic_ai.providers import Provider
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.usage import RequestUsage

_PLAIN = ("temperature", "seed")


class KeptChatModel(OpenAIChatModel):
    """An OpenAIChatModel that maps each message once. `poster` sends what is not streamed."""

    def __init__(
        self,
        model_name: str,
        *,
        provider: Provider[AsyncOpenAI],
        poster: Poster,
        profile: ModelProfileSpec | None = None,
    ) -> None:
        super().__init__(model_name, provider=provider, profile=profile)
        self._poster = poster
        self._url = f"{str(self.client.base_url).rstrip('/')}/chat/completions"
        self._written: PerMessage[bytes] = PerMessage(_never)
        self._tools: tuple[object, list[chat.ChatCompletionToolParam], bytes] | None = None
        self._breaks_tokens = bool(
            cast("Mapping[str, Any]", self.profile).get("may_tokenize_special_tokens_in_content")
        )
        limit = "max_completion_tokens" if self._takes_completion_limit() else "max_tokens"
        self._head = f'"model":{json.dumps(model_name)},"stream":false,"{limit}":'

    # ---- a whole answer, by a plain POST

    async def request(
        self,
        messages: Sequence[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Ask once. `model_settings` may hold `max_tokens` (needed), `temperature` and `seed`.

        Raises:
            ModelAPIError: the provider refused, or the connection broke.
            UnexpectedModelBehavior: the answer is no chat completion.
        """
        body = await self._body(messages, model_settings or {}, model_request_parameters)
        return self._read(await self._poster.post(self._url, self._headers, body, model=self.model_name))

    async def _body(
        self, messages: Sequence[ModelMessage], settings: ModelSettings, told: ModelRequestParameters
    ) -> bytes:
        plain = "".join(f',"{name}":{json.dumps(settings[name])}' for name in _PLAIN if name in settings)  # type: ignore[literal-required]  # names of ModelSettings
        head = f"{{{self._head}{settings['max_tokens']}{plain}".encode()
        tools = self._mapped_tools(told)[1] if told.function_tools else b""
        return b"".join((head, tools, b',"messages":[', await self._joined(messages, told, settings), b"]}"))

    async def _joined(
        self, messages: Sequence[ModelMessage], told: ModelRequestParameters, settings: ModelSettings
    ) -> bytes:
        written = self._written.seen(messages)
        for place, one in enumerate(written):
            if one is None:
                message = messages[place]
                plain = plain_json(message, breaks_tokens=self._breaks_tokens)
                if plain is None and not _maps_alone(message):
                    whole = self._broken(messages)
                    return _bytes(await self._map_messages(whole, told, model_settings=settings))[1:-1]
                written[place] = self._written.keep(message, await self._write(message) if plain is None else plain)
        return b",".join([one for one in written if one])

    async def _write(self, message: ModelMessage) -> bytes:
        """One message as the JSON of its messages on the wire."""
        [broken] = self._broken([message])
        if isinstance(broken, ModelRequest):
            return _bytes([mapped async for mapped in self._map_user_message(broken)])[1:-1]
        mapped = self._map_model_response(broken)
        return b"" if mapped is None else _bytes(mapped)

    def _broken(self, messages: Sequence[ModelMessage]) -> list[ModelMessage]:
        """`messages` with chat-template tokens broken where the server may take them for its own."""
        return break_special_tokens_in_messages(list(messages), self.profile, self.accepts_stateless_artifacts)

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        client = self.client
        given = {**client.default_headers, **client.auth_headers}
        return {name: value for name, value in given.items() if isinstance(value, str)}

    def _read(self, answer: Answer) -> ModelResponse:
        if answer.status >= 300:
            headers = dict(answer.headers)
            raise ModelHTTPError(answer.status, self.model_name, _parsed(answer.body), headers=headers)
        try:
            completion: chat.ChatCompletion = LenientChatCompletion.model_validate_json(answer.body)
        except ValidationError:
            parsed = _parsed(answer.body)
            if not isinstance(parsed, dict):
                raise UnexpectedModelBehavior("the answer is no chat completion") from None
            completion = chat.ChatCompletion.construct(**parsed)
        return self._process_response(completion)

    def _map_usage(self, response: chat.ChatCompletion) -> RequestUsage:
        return _with_reasoning(super()._map_usage(response), response.usage)

    def _validate_completion(self, response: chat.ChatCompletion) -> LenientChatCompletion:
        return response if isinstance(response, LenientChatCompletion) else super()._validate_completion(response)

    # ---- a streamed answer, through the SDK

    async def _completions_create(  # type: ignore[override]  # the overloads differ in the literal `stream` only
        self,
        messages: list[ModelMessage],
        stream: bool,
        model_settings: OpenAIChatModelSettings,
        model_request_parameters: ModelRequestParameters,
    ) -> object:
        told = model_request_parameters
        body: dict[str, object] = {
            "messages": json.loads(b"[" + await self._joined(messages, told, model_settings) + b"]")
        }
        if told.function_tools:
            body.update(tools=self._mapped_tools(told)[0], tool_choice="auto")
        settings = cast(OpenAIChatModelSettings, {**model_settings, "extra_body": body})
        untold = replace(told, function_tools=[], tool_visibility={}) if told.function_tools else told
        return await super()._completions_create([], stream, settings, untold)  # type: ignore[call-overload]  # as above

    @property
    def _streamed_response_cls(self) -> type[OpenAIStreamedResponse]:
        return _HonestStream

    # ---- what does not change from call to call

    def _mapped_tools(self, told: ModelRequestParameters) -> tuple[list[chat.ChatCompletionToolParam], bytes]:
        if self._tools is None or self._tools[0] is not told:
            _, prepared = self.prepare_request(None, told)
            mapped = self._get_tool_choice(OpenAIChatModelSettings(), prepared)[0]
            self._tools = (told, mapped, b',"tools":' + _bytes(mapped) + b',"tool_choice":"auto"')
        return self._tools[1], self._tools[2]

    def _takes_completion_limit(self) -> bool:
        return bool(cast("Mapping[str, Any]", self.profile).get("openai_chat_supports_max_completion_tokens", True))


class _HonestStream(OpenAIStreamedResponse):
    """Does not take a stream that ended without a finish reason for one that came to its end."""

    def _map_usage(self, response: chat.ChatCompletionChunk) -> RequestUsage:
        return _with_reasoning(super()._map_usage(response), response.usage)

    def _missing_finish_reason(self) -> FinishReason:
        return cast("FinishReason", None)


def _with_reasoning(counted: RequestUsage, usage: CompletionUsage | None) -> RequestUsage:
    """Some servers count reasoning in the total alone."""
    if usage is not None:
        counted.output_tokens = max(counted.output_tokens, (usage.total_tokens or 0) - counted.input_tokens)
    return counted


def _maps_alone(message: ModelMessage) -> bool:
    """Whether a message maps to the same JSON whatever stands around it: reasoning and instructions do not."""
    if isinstance(message, ModelRequest):
        return message.instructions is None
    return not any(isinstance(part, ThinkingPart) for part in message.parts)


def _never(message: ModelMessage) -> bytes:
    raise AssertionError("mapping is asynchronous, so a memory cannot do it itself")


_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _bytes(value: object) -> bytes:
    return _encoded(value).encode("utf-8")


def _parsed(body: bytes) -> object:
    try:
        return cast(object, json.loads(body))
    except ValueError:
        return body.decode("utf-8", "replace")
