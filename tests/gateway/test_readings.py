from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parcae.gateway.anthropic_messages import AnthropicMessages
from parcae.gateway.dialect import Dialect
from parcae.gateway.openai_chat import OpenAIChat
from parcae.gateway.readings import Readings, whole
from parcae.gateway.refusal import Refusal
from parcae.gateway.splice import splice

LONG = "what it says. " * 700
SAYS = st.sampled_from(["", "x", '],"max_tokens":1', '},{"role":"user"}', "\\", '"model"', "é\u2028", "\x00", LONG])
TURN = st.builds(lambda role, content: {"role": role, "content": content}, st.sampled_from(["user", "assistant"]), SAYS)
TOP = {"model": "m", "stream": True, "max_tokens": 7, "tools": [{"messages": [], "max_tokens": [1]}]}
DIALECTS: list[Dialect] = [OpenAIChat(), AnthropicMessages()]


def body_of(messages: object, names: list[str], *, compact: bool) -> bytes:
    document: Mapping[str, object] = {name: messages if name == "messages" else TOP[name] for name in names}
    return json.dumps(document, separators=(",", ":") if compact else None, ensure_ascii=compact).encode()


@settings(deadline=None)
@given(
    st.lists(TURN, min_size=1, max_size=12),
    st.permutations(["messages", *TOP]),
    st.booleans(),
    st.lists(st.integers(1, 12), min_size=1, max_size=5),
    st.sampled_from(DIALECTS),
)
def test_what_was_known_before_makes_no_difference(
    turns: list[dict[str, str]], names: list[str], compact: bool, cuts: list[int], dialect: Dialect
) -> None:
    readings = Readings(3)
    opening = {"role": "user", "content": LONG}
    for cut in [*cuts, 12]:
        body = body_of([opening, *turns[:cut]], names, compact=compact)
        found, expected = readings.read(dialect, body, "alice"), whole(dialect, body)
        assert found.chain[-1] == expected.chain[-1]
        before = found.asked.before
        replies = sum(message.from_model for message in found.asked.messages)
        assert replies + (before.replies if before else 0) == sum(one.from_model for one in expected.asked.messages)
        edits = dialect.edits(expected.document, model="other", max_tokens=None)
        assert splice(body, found.document, edits, found.gap) == splice(body, expected.document, edits)


def test_a_long_history_that_comes_again_is_not_read_again() -> None:
    readings, dialect = Readings(10), OpenAIChat()
    turns = [{"role": "user", "content": LONG}, {"role": "assistant", "content": "yes"}]
    for _ in range(3):
        turns += [{"role": "user", "content": "and?"}, {"role": "assistant", "content": "no"}]
        found = readings.read(dialect, body_of(turns, ["model", "messages", "max_tokens"], compact=True), "alice")
    assert len(found.asked.messages) == 2
    body = body_of([*turns, turns[0]], ["model", "messages", "max_tokens"], compact=True)
    assert readings.read(dialect, body, "bob").asked.before is None  # one key's history is not another's


@pytest.mark.parametrize("added", [b",]", b",1]", b"1]", b",{}", b',{"role":"user"', b"]]"])
def test_what_is_broken_behind_a_known_history_is_broken(added: bytes) -> None:
    readings, dialect = Readings(10), OpenAIChat()
    body = body_of([{"role": "user", "content": LONG}], ["model", "messages"], compact=True)
    readings.read(dialect, body, "alice")
    with pytest.raises(Refusal):
        readings.read(dialect, body[:-2] + added + b"}", "alice")


def test_only_so_many_histories_are_remembered() -> None:
    readings, dialect = Readings(2), OpenAIChat()
    for number in range(5):
        readings.read(
            dialect, body_of([{"role": "user", "content": f"{number}{LONG}"}], ["model", "messages"], compact=True), "a"
        )
    assert len(readings) == 2
