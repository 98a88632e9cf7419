"""Models behind HTTP: OpenAI's, Anthropic's and Google's wire formats through pydantic-ai's model layer.

One try a call: no retry happens here or in an SDK, since every retry needs a reservation of its own. Knows nothing of
accounts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from pydantic_ai import direct
from pydantic_ai.exceptions import AgentRunError, ModelHTTPError, ModelRequestRejectedError, UserError
from pydantic_ai.messages import ModelMessage, ModelResponse, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from parcae.core.errors import ProviderFailed
from parcae.core.protocols import ModelCard, OnText, Reply, Request, ToolSpec
from parcae.core.usage import Usage
from parcae.models.bounds import prompt_bound
from parcae.models.limits import Gate, Rates
from parcae.models.names import ModelName
from parcae.models.posting import Poster
from parcae.models.provider_errors import understood, unknown
from parcae.models.repair import Dialect, repair

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model as WireModel
    from pydantic_ai.models import StreamedResponse

CONNECT_SECONDS = 5.0
WARMEST = {"anthropic": 1.0}  # https://docs.anthropic.com/en/api/messages: temperature from 0 to 1
SEED_BITS = (1 << 31) - 1  # Google's seed is an int32
MAX_TOKENS = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)  # what every server knows
REFUSABLE = ("temperature", "seed")


class ProviderModel:
    """A model behind HTTP. `close` it when its run is over."""

    def __init__(
        self,
        card: ModelCard,
        wire: WireModel,
        dialect: Dialect,
        *,
        rates: Rates | None = None,
        secret: str = "",
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._card = replace(card, writes=dialect.wire != "anthropic")  # it keeps prompts if asked, and nothing asks
        self._wire, self._dialect, self._secret, self._close = wire, dialect, secret, close
        self.gate = None if rates in (None, Rates()) else Gate(rates)
        self._refused = _refused_by(wire)
        self._told: tuple[Sequence[ToolSpec], ModelRequestParameters] | None = None

    @property
    def card(self) -> ModelCard:
        """Name, price and sizes, from the catalog."""
        return self._card

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        """Send `request` once; stream the text to `on_text` if given.

        Raises:
            ProviderFailed: nothing was billed.
            OutcomeUnknown: a timeout, a cut stream or an unreadable answer: the call may have been billed.
        """
        messages = repair(request.messages, self._dialect)
        settings, told = self._settings(request), self._parameters(request.tools)
        try:
            async with asyncio.timeout(request.timeout_seconds):
                if on_text is None:
                    message = await self._whole(messages, settings, told)
                else:
                    message = await self._streamed(messages, settings, told, on_text)
        except TimeoutError:
            raise unknown(self._card.name, f"no whole answer within {request.timeout_seconds:g} seconds") from None
        except UserError as error:
            raise ProviderFailed(f"{self._card.name}: {error}", "this request cannot be sent as it is") from error
        except (AgentRunError, ValueError) as error:
            raise self._understood(error, settings) from error
        return Reply(message=message, usage=usage_of(message, request))

    async def close(self) -> None:
        """Close the connections."""
        if self._close is not None:
            await self._close()

    async def _whole(
        self, messages: list[ModelMessage], settings: ModelSettings, told: ModelRequestParameters
    ) -> ModelResponse:
        if self._dialect.wire == "openai":  # it prepares each message once; `direct` would walk all of them again
            return await self._wire.request(messages, settings, told)
        return await direct.model_request(self._wire, messages, model_settings=settings, model_request_parameters=told)

    async def _streamed(
        self, messages: list[ModelMessage], settings: ModelSettings, told: ModelRequestParameters, on_text: OnText
    ) -> ModelResponse:
        async with direct.model_request_stream(
            self._wire, messages, model_settings=settings, model_request_parameters=told
        ) as stream:
            async for event in stream:
                if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart) and event.part.content:
                    on_text(event.part.content)
                elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    on_text(event.delta.content_delta)
            if not _came_to_its_end(stream):
                raise unknown(self._card.name, "the stream was cut before its end")
            return stream.get()

    def _settings(self, request: Request) -> ModelSettings:
        settings = ModelSettings(max_tokens=request.max_tokens)
        if request.temperature is not None and "temperature" not in self._refused:
            settings["temperature"] = min(request.temperature, WARMEST.get(self._dialect.wire, 2.0))
        if request.seed is not None and "seed" not in self._refused and self._dialect.wire != "anthropic":
            settings["seed"] = request.seed & SEED_BITS
        return settings

    def _parameters(self, tools: Sequence[ToolSpec]) -> ModelRequestParameters:
        if self._told is None or self._told[0] is not tools:
            self._told = (tools, ModelRequestParameters(function_tools=[_definition(tool) for tool in tools]))
        return self._told[1]

    def _understood(self, error: Exception, settings: ModelSettings) -> ProviderFailed:
        failed = understood(error, self._card.name, secret=self._secret)
        if _is_rejection(error) and (named := _setting_named(str(error), settings)):
            self._refused.add(named)
            failed.may_retry = True
        return failed


def usage_of(message: ModelResponse, request: Request) -> Usage:
    """The tokens that the provider counted; if it counted no prompt, the most that the call can have used."""
    counted = message.usage
    if not counted.input_tokens:
        return Usage(prompt_tokens=prompt_bound(request), completion_tokens=request.max_tokens)
    cached = min(counted.cache_read_tokens, counted.input_tokens)
    written = min(counted.cache_write_tokens, counted.input_tokens - cached)
    return Usage(
        prompt_tokens=counted.input_tokens,
        cached_tokens=cached,
        completion_tokens=counted.output_tokens,
        written_tokens=written,
        hour_tokens=min(counted.cache_write_1h_tokens, written),
    )


def open_provider(name: ModelName, *, card: ModelCard, rates: Rates, key: str, base_url: str | None) -> ProviderModel:
    """The model `name` at its provider, or at `base_url`."""
    import httpx2
    from pydantic_ai.models import create_async_httpx2_client

    client = create_async_httpx2_client(timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS))
    poster = Poster(CONNECT_SECONDS)
    if name.provider == "anthropic":
        wire = _anthropic(name, key, base_url, client)
    elif name.provider == "google":
        wire = _google(name, key, base_url, client)
    else:
        wire = _openai(name, key, base_url, client, poster)
    dialect = Dialect(
        wire="openai" if name.provider == "ollama" else name.provider,
        system=wire.system,
        modalities=card.modalities,
    )

    async def close() -> None:
        await client.aclose()
        await poster.close()

    return ProviderModel(card, wire, dialect, rates=rates, secret=key, close=close)


def _openai(name: ModelName, key: str, base_url: str | None, client: httpx2.AsyncClient, poster: Poster) -> WireModel:
    from openai import AsyncOpenAI
    from pydantic_ai.providers.ollama import OllamaProvider
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    from parcae.models.openai_chat import KeptChatModel

    sdk = AsyncOpenAI(api_key=key, base_url=base_url, http_client=client, max_retries=0, timeout=client.timeout)
    if name.provider == "openai" and name.base_url is None:
        return KeptChatModel(name.model, provider=OpenAIProvider(openai_client=sdk), poster=poster)
    provider = (
        OllamaProvider(openai_client=sdk)
        if name.provider == "ollama"
        else OpenAICompatibleProvider("openai-compatible", openai_client=sdk)
    )
    return KeptChatModel(name.model, provider=provider, poster=poster, profile=MAX_TOKENS)


def _anthropic(name: ModelName, key: str, base_url: str | None, client: httpx2.AsyncClient) -> WireModel:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    sdk = AsyncAnthropic(api_key=key, base_url=base_url, http_client=client, max_retries=0, timeout=client.timeout)
    return AnthropicModel(name.model, provider=AnthropicProvider(anthropic_client=sdk))


def _google(name: ModelName, key: str, base_url: str | None, client: httpx2.AsyncClient) -> WireModel:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    return GoogleModel(name.model, provider=GoogleProvider(api_key=key, base_url=base_url, http_client=client))


def _definition(tool: ToolSpec) -> ToolDefinition:
    return ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=dict(tool.parameters))


def _came_to_its_end(stream: StreamedResponse) -> bool:
    """A stream that was cut says nothing of how it finished."""
    return stream.finish_reason is not None or "finish_reason" in (stream.provider_details or {})


def _refused_by(wire: WireModel) -> set[str]:
    """The settings that the model is known to refuse: most that reason take no temperature."""
    profile = cast("Mapping[str, object]", wire.profile)
    reasons = profile.get("openai_supports_reasoning") and (
        profile.get("thinking_enabled_by_default") or not profile.get("openai_supports_reasoning_effort_none")
    )
    return {"temperature"} if reasons or profile.get("anthropic_disallows_sampling_settings") else set()


def _setting_named(refusal: str, settings: ModelSettings) -> str | None:
    """The setting that a provider's refusal is about, if it can be left out."""
    return next((name for name in REFUSABLE if name in settings and name in refusal.lower()), None)


def _is_rejection(error: Exception) -> bool:
    return isinstance(error, ModelRequestRejectedError) or (
        isinstance(error, ModelHTTPError) and error.status_code in (400, 422)
    )
