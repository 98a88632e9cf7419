"""What a client shows and asks, at a model that is reached in another protocol than the client's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.serving import serving
from tests.gateway.upstream import Document, chat, chat_stream, messages, messages_stream, upstream

from parcae.gateway.stops import Until

pytestmark = pytest.mark.loopback
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
URI = f"data:image/png;base64,{PIXEL}"
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
CALL_ID = "toolu_0123456789abcdefgh"


def config(url: str, family: str, model: str = "small") -> Document:
    name = "openai" if family == "openai" else "anthropic"
    return {
        "upstreams": {name: {"protocol": family, "base_url": url, "retries": 0}},
        "models": {"m": {"ladder": [f"{name}:{model}"]}},
    }


async def asked(path: str, body: Document, family: str, model: str = "small") -> list[Document]:
    """The messages that the upstream got."""
    async with (
        upstream(lambda path, document: messages("ok") if path == "/messages" else chat("ok")) as up,
        serving(config(up.url, family, model)) as client,
    ):
        status, _, got = await client.post(path, {"model": "m", "max_tokens": 9, **body})
        assert status == 200, got
    found = up.seen[0][1]["messages"]
    assert isinstance(found, list)
    return found


def shown(part: object) -> Document:
    return {"messages": [{"role": "user", "content": [part, {"type": "text", "text": "what is it?"}]}]}


@pytest.mark.parametrize(
    ("part", "holds"),
    [
        ({"type": "document", "title": "Note", "source": {"type": "text", "data": "It is 42."}}, "It is 42."),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "It is 42."}]}},
            "It is 42.",
        ),
        (
            {"type": "search_result", "title": "Hit", "source": "a.b", "content": [{"type": "text", "text": "42"}]},
            "42",
        ),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PIXEL}},
            "left out",
        ),
        ({"type": "document", "source": {"type": "url", "url": "http://a.b/c.pdf"}}, "left out"),
        ({"type": "document", "source": {"type": "file", "file_id": "file_1"}}, "left out"),
        ({"type": "container_upload", "file_id": "file_1"}, "left out"),
    ],
)
async def test_papers_for_anthropic_reach_another_provider_or_are_said_to_be_left_out(part: object, holds: str) -> None:
    found = await asked("/v1/messages", shown(part), "openai")
    assert holds in json.dumps(found) and "what is it?" in json.dumps(found)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PIXEL}"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
    ],
)
async def test_files_for_openai_are_not_dropped_in_silence(part: object) -> None:
    assert "left out" in json.dumps(await asked("/v1/chat/completions", shown(part), "anthropic"))


async def test_pictures_stay_between_the_words_that_speak_of_them() -> None:
    said = {"type": "text", "text": "before:"}, {"type": "text", "text": "after:"}
    picture = {"type": "image_url", "image_url": {"url": URI}}
    body: Document = {"messages": [{"role": "user", "content": [said[0], picture, said[1], picture]}]}
    (turn,) = await asked("/v1/chat/completions", body, "anthropic", "claude-sonnet-5")
    assert isinstance(turn["content"], list)
    assert [part["type"] for part in turn["content"]] == ["text", "image", "text", "image"]


async def test_a_picture_that_a_tool_gave_back_reaches_a_model_that_sees_and_is_told_to_another() -> None:
    use = {"type": "tool_use", "id": CALL_ID, "name": "shot", "input": {}}
    result = {"type": "tool_result", "tool_use_id": CALL_ID, "content": [{"type": "text", "text": "done"}, PICTURE]}
    body: Document = {
        "messages": [
            {"role": "user", "content": "look"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ]
    }
    assert URI in json.dumps(await asked("/v1/messages", body, "openai", "gpt-4o"))
    blind = json.dumps(await asked("/v1/messages", body, "openai"))
    assert "done" in blind and "one image is left out" in blind


async def test_a_picture_that_a_tool_gave_back_over_responses_is_seen() -> None:
    items = [
        {"role": "user", "content": "look"},
        {"type": "function_call", "call_id": "call_1", "name": "shot", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_image", "image_url": URI}]},
    ]
    found = await asked("/v1/responses", {"input": items}, "anthropic", "claude-sonnet-5")
    assert PIXEL in json.dumps(found)


async def test_a_tool_of_openai_s_own_that_the_client_runs_is_a_call_and_its_result_elsewhere() -> None:
    screen = {"type": "computer_screenshot", "image_url": URI}
    items = [
        {"role": "user", "content": "mend it"},
        {"type": "custom_tool_call", "call_id": "call_1", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "patched"},
        {"type": "computer_call", "call_id": "call_2", "action": {"type": "screenshot"}},
        {"type": "computer_call_output", "call_id": "call_2", "output": screen},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "shell_call", "call_id": "call_3", "action": {"commands": ["ls"]}},
        {"type": "shell_call_output", "call_id": "call_3", "output": [{"stdout": "a.py", "stderr": ""}]},
    ]
    found = await asked("/v1/responses", {"input": items}, "anthropic", "claude-sonnet-5")
    blocks = [block for turn in found if isinstance(turn["content"], list) for block in turn["content"]]
    uses = [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    assert uses == [
        ("apply_patch", {"input": "*** Begin Patch"}),
        ("computer", {"type": "screenshot"}),
        ("shell", {"commands": ["ls"]}),
    ]
    results = [json.dumps(block) for block in blocks if block["type"] == "tool_result"]
    assert [hold in result for hold, result in zip(("patched", PIXEL, "a.py"), results, strict=True)] == [True] * 3
    assert "(nothing)" not in json.dumps(found)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("family", ["openai", "anthropic"])
async def test_the_client_s_stop_sequences_end_the_reply_of_another_provider(family: str, stream: bool) -> None:
    said = ("Action: look\nObser", "vation: a cat")

    def reply(path: str, document: Document) -> object:
        text = "".join(said)
        if path == "/messages":
            return messages_stream(text) if document.get("stream") else messages(text)
        return chat_stream(text) if document.get("stream") else chat(text)

    path, stop = ("/v1/messages", "stop_sequences") if family == "openai" else ("/v1/chat/completions", "stop")
    body = {"model": "m", "max_tokens": 9, "stream": stream, stop: ["\nObservation:"]}
    history: list[object] = [{"role": "user", "content": "what is there?"}]
    async with upstream(reply) as up, serving(config(up.url, family)) as client:
        status, _, got = await client.post(path, {**body, "messages": history})
        more = [{"role": "assistant", "content": "Action: look"}, {"role": "user", "content": "Observation: a dog"}]
        _, headers, _ = await client.post(path, {**body, "messages": [*history, *more]})
    text = got if stream else json.dumps(got)
    assert status == 200 and "look" in text and "bser" not in text and "cat" not in text
    assert (headers["x-parcae-step"], headers["x-parcae-evidence"]) == ("1", "extends")


async def test_a_reply_that_the_client_began_is_asked_to_go_on() -> None:
    turns = [{"role": "user", "content": "as JSON"}, {"role": "assistant", "content": "{"}]
    found = await asked("/v1/messages", {"messages": turns}, "openai")
    assert [turn["content"] for turn in found] == ["as JSON", "{", "Go on."]


@given(st.text("abc"), st.lists(st.text("abc", min_size=1, max_size=3), max_size=3), st.data())
def test_a_stop_is_found_in_whatever_pieces_the_text_comes(text: str, stops: list[str], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    until, whole = Until(stops), Until(stops)
    shown = "".join(map(until.take, pieces)) + until.rest()
    assert shown == whole.take(text) + whole.rest()
    assert not any(stop in shown for stop in stops)
    assert text.startswith(shown) and until.met == any(stop in text for stop in stops)
