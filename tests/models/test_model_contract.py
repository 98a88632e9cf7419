"""Every Model of ours keeps the contract: scripted, builtin, and the three wire formats over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import cycle, islice

import pytest

from parcae.core.protocols import Model
from parcae.models.catalog import Catalog
from parcae.models.open import open_model
from parcae.models.provider import ProviderModel
from parcae.models.scripted import ScriptedModel, call, say, together
from parcae.testing.models import ModelContract
from parcae.testing.servers import serving

LINES = [
    together(say("I look at it \N{SNOWMAN}."), call("read", path="a.py"), call("read", path="b.py")),
    say("It is in `f`, as far as I see."),
    call("read", path="c.py"),
]


class TestScripted(ModelContract):
    repeatable = True

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Model]:
        yield ScriptedModel("m", cycle(LINES))


class TestBuiltinSmall(ModelContract):
    repeatable = True
    name = "builtin:small"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Model]:
        yield open_model(self.name, catalog=Catalog(), env={})


class TestBuiltinLarge(TestBuiltinSmall):
    name = "builtin:large"


@asynccontextmanager
async def at_provider(name: str, path: str, env: dict[str, str]) -> AsyncIterator[Model]:
    """The model `name` at a scripted server on loopback."""
    async with serving(islice(cycle(LINES), 30)) as server:
        model = open_model(
            name.format(url=server.url),
            catalog=Catalog(),
            env={key: value.format(url=f"{server.url}{path}") for key, value in env.items()},
        )
        assert isinstance(model, ProviderModel)
        try:
            yield model
        finally:
            await model.close()
        assert server.complaints == []


@pytest.mark.loopback
class TestOpenAI(ModelContract):
    def opened(self) -> AbstractAsyncContextManager[Model]:
        return at_provider("openai:gpt-4o", "/v1", {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "{url}"})


@pytest.mark.loopback
class TestOpenAICompatible(ModelContract):
    def opened(self) -> AbstractAsyncContextManager[Model]:
        return at_provider("openai:mine@{url}/v1", "", {})


@pytest.mark.loopback
class TestAnthropic(ModelContract):
    def opened(self) -> AbstractAsyncContextManager[Model]:
        env = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "{url}"}
        return at_provider("anthropic:claude-sonnet-5", "", env)


@pytest.mark.loopback
class TestGoogle(ModelContract):
    def opened(self) -> AbstractAsyncContextManager[Model]:
        return at_provider("google:gemini-2.5-flash", "", {"GOOGLE_API_KEY": "k", "GOOGLE_BASE_URL": "{url}"})


@pytest.mark.loopback
class TestOllama(ModelContract):
    def opened(self) -> AbstractAsyncContextManager[Model]:
        return at_provider("ollama:qwen3", "/v1", {"OLLAMA_BASE_URL": "{url}"})
