"""Replies are written briefly and read back as they were."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import BinaryContent, FilePart, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.usage import RequestUsage

from parcae.core.events import StepReplied
from parcae.store.codec import decode, encode

AT = datetime(2026, 11, 25, 12, 0, 0, 5, tzinfo=UTC)
words = st.text(max_size=12)
details = st.none() | st.dictionaries(words, st.none() | st.booleans() | st.integers(-9, 9) | words, max_size=3)
arguments = st.none() | words | st.dictionaries(words, st.none() | st.integers(-9, 9) | words, max_size=3)
parts = st.one_of(
    st.builds(TextPart, content=words, id=st.none() | words, provider_name=st.none() | words, provider_details=details),
    st.builds(ThinkingPart, content=words, id=st.none() | words, signature=st.none() | words),
    st.builds(ToolCallPart, tool_name=words, args=arguments, tool_call_id=words, provider_details=details),
)
usages = st.builds(
    RequestUsage,
    input_tokens=st.integers(0, 9),
    cache_read_tokens=st.integers(0, 9),
    output_tokens=st.integers(0, 9),
    details=st.dictionaries(words, st.integers(0, 9), max_size=2),
)
replies = st.builds(
    ModelResponse,
    parts=st.lists(parts, max_size=3),
    usage=usages,
    timestamp=st.just(AT),
    model_name=st.none() | words,
    provider_details=details,
    finish_reason=st.none() | st.sampled_from(["stop", "length", "tool_call"]),
    metadata=details,
)


def replied(reply: ModelResponse) -> StepReplied:
    return StepReplied(scope="run", step=0, model="m", reply=reply)


def read_again(reply: ModelResponse) -> ModelResponse:
    return decode(StepReplied, "run", encode(replied(reply))).reply


@given(replies)
def test_every_plain_reply_is_read_back_as_it_was(reply: ModelResponse) -> None:
    assert read_again(reply) == reply


@pytest.mark.parametrize(
    "reply",
    [
        ModelResponse(parts=[FilePart(content=BinaryContent(data=b"\x00\xff", media_type="audio/wav"))], timestamp=AT),
        ModelResponse(parts=[TextPart(content="a")], usage=RequestUsage(cost=Decimal("0.1")), timestamp=AT),
    ],
    ids=["a sound", "a cost of the provider's"],
)
def test_what_is_not_plain_is_written_by_its_own_library(reply: ModelResponse) -> None:
    assert read_again(reply) == reply


def test_what_has_its_default_is_left_out() -> None:
    reply = ModelResponse(parts=[ToolCallPart(tool_name="look", args={"word": "a"}, tool_call_id="c")], timestamp=AT)
    text = encode(replied(reply)).decode()
    assert (
        '"reply":{"parts":[{"tool_name":"look","args":{"word":"a"},"tool_call_id":"c","part_kind":"tool-call"}]' in text
    )
    assert "provider_name" not in text and "input_tokens" not in text
