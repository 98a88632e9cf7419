"""Any history becomes valid for any provider, keeps every observation, and is left alone if it was valid."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_ai.messages import (
    BinaryContent,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from parcae.core.protocols import Model, ModelCard, Request
from parcae.models.catalog import Catalog
from parcae.models.open import open_model
from parcae.models.provider import ProviderModel
from parcae.models.repair import Dialect, lacks, repair
from parcae.testing.models import READ
from parcae.testing.wires import wire_of

PNG = BinaryContent(data=b"\x89PNG", media_type="image/png")
DIALECTS = {
    "openai": Dialect(wire="openai", system="openai"),
    "anthropic": Dialect(wire="anthropic", system="anthropic", modalities=frozenset({"text", "image"})),
    "google": Dialect(wire="google", system="google-gla"),
}
texts = st.sampled_from(["", " ", "text", "ü \N{SNOWMAN}", "half \ud83d", "<|im_start|>", "{}", "x" * 300])
ids = st.sampled_from(["", "a", "b", "c", "call|odd:id" * 6, "a" * 60])
names = st.sampled_from(["read", "no such tool!", "x" * 90, ""])
arguments = st.sampled_from(['{"path": "a"}', "{broken", "[1]", "", None, {"path": "ü"}, {}])
systems = st.sampled_from([None, "openai", "anthropic", "google-gla", "elsewhere"])
calls = st.builds(ToolCallPart, tool_name=names, args=arguments, tool_call_id=ids)
results = st.builds(ToolReturnPart, tool_name=names, content=texts, tool_call_id=ids)
asks = st.one_of(
    st.builds(UserPromptPart, content=st.one_of(texts, st.lists(st.one_of(texts, st.just(PNG)), max_size=3))),
    st.builds(SystemPromptPart, content=texts),
    results,
)
says = st.one_of(
    st.builds(TextPart, content=texts),
    st.builds(ThinkingPart, content=texts, signature=st.one_of(st.none(), st.just("s")), provider_name=systems),
    calls,
)
requests = st.lists(asks, max_size=4).map(lambda parts: ModelRequest(parts=parts))
replies = st.builds(ModelResponse, parts=st.lists(says, max_size=4), provider_name=systems)
histories = st.lists(st.one_of(requests, replies), max_size=7)


def observations(messages: Sequence[ModelMessage]) -> list[str]:
    """What tools gave back, as text."""
    return [
        str(part.content)
        for message in messages
        for part in message.parts
        if isinstance(part, ToolReturnPart) and isinstance(message, ModelRequest)
    ]


def everything(messages: Sequence[ModelMessage]) -> str:
    return json.dumps([[str(getattr(part, "content", "")) for part in message.parts] for message in messages])


def shape_is_valid(messages: Sequence[ModelMessage]) -> bool:
    """The plain reference: alternating, ending in a request, each call answered at once, once, in the next request."""
    for place, message in enumerate(messages):
        if isinstance(message, ModelResponse) is not bool(place % 2):
            return False
        called = [
            part.tool_call_id for part in (messages[place - 1].parts if place else ()) if isinstance(part, ToolCallPart)
        ]
        answered = [part.tool_call_id for part in message.parts if isinstance(part, ToolReturnPart)]
        if isinstance(message, ModelRequest) and sorted(called) != sorted(answered):
            return False
    every = [part.tool_call_id for one in messages for part in one.parts if isinstance(part, ToolCallPart)]
    return len(messages) % 2 == 1 and len(set(every)) == len(every)


@given(histories.filter(bool), st.sampled_from(list(DIALECTS)))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_history_becomes_valid_and_keeps_every_observation(history: list[ModelMessage], wire: str) -> None:
    repaired = repair(history, DIALECTS[wire])
    assert shape_is_valid(repaired)
    said = everything(repaired)
    for observation in observations(history):
        kept = observation.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert json.dumps(kept)[1:-1] in said or not kept.strip()


@given(histories, st.sampled_from(list(DIALECTS)))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_repairing_twice_changes_nothing_more(history: list[ModelMessage], wire: str) -> None:
    once = repair(history, DIALECTS[wire])
    twice = repair(once, DIALECTS[wire])
    assert len(twice) == len(once)
    assert all(a is b for a, b in zip(once, twice, strict=True))


@given(histories, st.sampled_from(list(DIALECTS)), st.sampled_from(list(DIALECTS)))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_history_that_one_provider_took_is_repaired_for_the_next(
    history: list[ModelMessage], source: str, target: str
) -> None:
    assert shape_is_valid(repair(repair(history, DIALECTS[source]), DIALECTS[target])) or not history


def mapper(name: str) -> ProviderModel:
    """A model whose requests are looked at and never sent."""
    env = {f"{provider}_API_KEY": "k" for provider in ("OPENAI", "ANTHROPIC", "GOOGLE")}
    model: Model = open_model(name, catalog=Catalog(), env=env)
    assert isinstance(model, ProviderModel)
    return model


@pytest.mark.parametrize("name", ["openai:gpt-4o-mini"])
@given(history=histories.filter(bool))
@settings(max_examples=60, deadline=None, derandomize=True)
async def test_what_is_sent_is_what_the_provider_takes(name: str, history: list[ModelMessage]) -> None:
    model = mapper(name)
    request = Request(messages=history, tools=(READ,))
    wire = model._wire  # the bytes that would be posted
    told, chosen = model._parameters(request.tools), model._settings(request)
    body = await wire._body(repair(history, model._dialect), chosen, told)  # type: ignore[attr-defined]  # as above
    checker = wire_of("/v1/chat/completions")
    assert checker is not None
    assert checker.complaint(json.loads(body)) is None


def test_a_valid_history_is_left_alone() -> None:
    history: list[ModelMessage] = [
        ModelRequest(parts=[SystemPromptPart(content="s"), UserPromptPart(content="q")]),
        ModelResponse(parts=[TextPart(content="t"), ToolCallPart(tool_name="read", args="{}", tool_call_id="1")]),
        ModelRequest(parts=[ToolReturnPart(tool_name="read", content="r", tool_call_id="1")]),
    ]
    repaired = repair(history, DIALECTS["openai"])
    assert all(a is b for a, b in zip(repaired, history, strict=True))
    assert repair([], DIALECTS["openai"]) == []


def test_reasoning_stays_with_who_signed_it_and_is_said_to_others() -> None:
    thought = ModelResponse(
        parts=[ThinkingPart(content="I think", signature="s", provider_name="anthropic"), TextPart(content="so")],
        provider_name="anthropic",
    )
    history: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(content="q")]), thought]
    assert repair(history, DIALECTS["anthropic"])[1] is thought
    [said, _] = repair(history, DIALECTS["google"])[1].parts
    assert isinstance(said, TextPart) and "I think" in said.content


def test_what_a_model_cannot_take_in_is_known_before_a_swap_is_offered() -> None:
    history: list[ModelMessage] = [
        ModelRequest(parts=[UserPromptPart(content=["look", ImageUrl(url="https://example.org/a.png"), PNG])])
    ]
    blind, seeing = ModelCard(name="blind"), ModelCard(name="seeing", modalities=frozenset({"text", "image"}))
    assert lacks(history, blind) == {"image"}
    assert lacks(history, seeing) == frozenset()
    assert "left out" in everything(repair(history, DIALECTS["openai"]))
