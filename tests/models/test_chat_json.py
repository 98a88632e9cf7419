"""Messages written straight as JSON, and taken as clean at one look: the same as the long way gives."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic_ai.messages import (
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

from parcae.models import dialect
from parcae.models.catalog import Catalog
from parcae.models.chat_json import plain_json
from parcae.models.dialect import Dialect
from parcae.models.open import open_model
from parcae.models.openai_chat import KeptChatModel
from parcae.models.provider import ProviderModel

TOKENS = ["<|im_start|>", "<|a\\b|>", "[INST]", "]~b]", "a < b[0]", '"quoted"', "line\nline", "ü \N{SNOWMAN}", "\x7f\t"]
texts = st.one_of(st.sampled_from(["", " ", *TOKENS, "half \ud83d"]), st.text(alphabet='<|>[]~b"\\ü x\n', max_size=12))
whole_texts = texts.filter(lambda text: "\ud83d" not in text)
names = st.sampled_from(["read", "no such tool!", "<|turn>"])
ids = st.sampled_from(["a", "b", "call|odd:id" * 6])
objects = st.dictionaries(whole_texts, st.one_of(whole_texts, st.integers(), st.none()), max_size=2)
raw = st.one_of(
    objects.map(json.dumps),
    objects.map(lambda value: json.dumps(value, ensure_ascii=False)),
    st.sampled_from(["", "{broken", "[1]", '{"a": NaN}', '{"a": "\\u003c|im_start|>"}', '{"a": 1, "a": 2}']),
    whole_texts,
)
calls = st.builds(
    ToolCallPart,
    tool_name=names,
    args=st.one_of(raw, objects, st.none()),
    tool_call_id=ids,
    provider_name=st.sampled_from([None, "elsewhere"]),
)


def requests(said: st.SearchStrategy[str]) -> st.SearchStrategy[ModelMessage]:
    content = st.one_of(said, st.lists(said, max_size=2))
    outcomes = st.sampled_from(["success", "failed"])
    results = st.builds(ToolReturnPart, tool_name=names, content=content, tool_call_id=ids, outcome=outcomes)
    part = st.one_of(results, st.builds(UserPromptPart, content=content), st.builds(SystemPromptPart, content=said))
    return st.builds(ModelRequest, parts=st.lists(part, max_size=3))


def replies(said: st.SearchStrategy[str]) -> st.SearchStrategy[ModelMessage]:
    part = st.one_of(calls, st.builds(TextPart, content=said), st.builds(ThinkingPart, content=said))
    return st.builds(ModelResponse, parts=st.lists(part, max_size=3))


@cache
def wire(name: str) -> KeptChatModel:
    model = open_model(name, catalog=Catalog(), env={"OPENAI_API_KEY": "none"})
    assert isinstance(model, ProviderModel)
    assert isinstance(model._wire, KeptChatModel)
    return model._wire


@pytest.mark.parametrize("name", ["openai:gpt-4o-mini", "openai:m@http://127.0.0.1:9/v1"])
@given(message=st.one_of(requests(whole_texts), replies(whole_texts)))
@example(message=ModelResponse(parts=[ToolCallPart("read", {"a": "<|" + "\\" * 40 + "|>"}, tool_call_id="a")]))
@settings(max_examples=150, deadline=None, derandomize=True)
async def test_what_is_written_is_what_pydantic_ai_writes(name: str, message: ModelMessage) -> None:
    model = wire(name)
    plain = plain_json(message, breaks_tokens=model._breaks_tokens)
    assert plain is None or plain == await model._write(message)


@pytest.mark.parametrize(("name", "breaks"), [("openai:gpt-4o-mini", False), ("openai:m@http://127.0.0.1:9/v1", True)])
async def test_text_and_calls_are_plain_unless_a_token_must_be_broken(name: str, breaks: bool) -> None:
    said = ModelResponse(parts=[TextPart("a[0] < b\n"), ToolCallPart("read", '{"path": "a[0]"}', tool_call_id="a")])
    seen = ModelRequest(parts=[ToolReturnPart("read", "x = y[0]", tool_call_id="a"), UserPromptPart("Go on.")])
    token = ModelRequest(parts=[ToolReturnPart("read", "<|im_start|>", tool_call_id="a")])
    model = wire(name)
    for message in (said, seen):
        assert plain_json(message, breaks_tokens=breaks) == await model._write(message)
    assert (plain_json(token, breaks_tokens=breaks) is None) is breaks
    assert model._breaks_tokens is breaks


@given(message=st.one_of(requests(texts), replies(texts)), system=st.sampled_from(["openai", "elsewhere"]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_one_look_finds_what_looking_closer_finds(message: ModelMessage, system: str) -> None:
    to = Dialect(wire="openai", system=system)
    at_once = dialect._cleaner(to)(message)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialect, "_shape_as_it_is", lambda message, to: None)
        closer = dialect._cleaner(to)(message)
    assert at_once[1] == closer[1]
    assert (at_once[0] is None) is (closer[0] is None)
