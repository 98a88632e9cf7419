"""What the scripted provider answers is what the providers' own libraries take: their types read every line of it."""

from __future__ import annotations

import json

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter
from pydantic_ai.messages import ModelResponse

from parcae.models.scripted import call, say, together
from parcae.testing.wires import Wire, wire_of

PATHS = {
    "/v1/chat/completions": (ChatCompletion, ChatCompletionChunk),
    "/v1/messages": (Message, RawMessageStreamEvent),
    "/v1beta/models/m:generateContent": (GenerateContentResponse, GenerateContentResponse),
}
REPLIES = [say("Hello \N{SNOWMAN}."), call("read", path="a"), together(say("Two."), call("read"), call("list", n=1))]
every_wire = pytest.mark.parametrize("path", PATHS)
every_reply = pytest.mark.parametrize("reply", REPLIES)


def wire_at(path: str) -> Wire:
    wire = wire_of(path)
    assert wire is not None
    return wire


def checked(kind: object, document: object) -> None:
    """Read `document` strictly enough that an unknown or missing field is noticed."""
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    read = adapter.validate_json(json.dumps(document))
    back = json.loads(adapter.dump_json(read, by_alias=True, exclude_unset=True))
    assert set(back) == set(document)  # type: ignore[call-overload]  # an object


@every_wire
@every_reply
def test_a_whole_answer_is_read_by_the_providers_library(path: str, reply: ModelResponse) -> None:
    checked(PATHS[path][0], wire_at(path).whole(reply))


@every_wire
@every_reply
def test_every_event_of_a_stream_is_read_by_the_providers_library(path: str, reply: ModelResponse) -> None:
    events = list(wire_at(path).events(reply))
    lines = [line for event in events for line in event.splitlines() if line.startswith("data: {")]
    assert lines
    for line in lines:
        checked(PATHS[path][1], json.loads(line.removeprefix("data: ")))


@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        ("/v1/chat/completions", {"messages": []}, "must not be empty"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, "most tokens"),
        ("/v1/messages", {"messages": [{"role": "assistant", "content": "x"}], "max_tokens": 1}, "first message"),
        ("/v1beta/models/m:generateContent", {"contents": []}, "needed"),
    ],
)
def test_what_a_provider_would_refuse_is_refused(path: str, body: dict[str, object], complaint: str) -> None:
    assert complaint in (wire_at(path).complaint(body) or "")
