from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.gateway.serving import Client, serving
from tests.gateway.upstream import (
    chat,
    chat_stream,
    messages,
    messages_stream,
    response,
    response_stream,
    upstream,
)

from parcae.core.events import AttemptEquipped

pytestmark = pytest.mark.loopback
Document = dict[str, object]
LOOK = ("call_0123456789abcdef", "look", '{"at": 1}')
TOOL = {"name": "look", "description": "Look.", "schema": {"type": "object", "properties": {"at": {"type": "integer"}}}}


def config(url: str, *, family: str, ladder: int = 1, **more: object) -> Document:
    names = ["up:small", "up:large"][:ladder]
    return {
        "upstreams": {"up": {"protocol": family, "base_url": url, "responses": family == "openai", "retries": 0}},
        "models": {"thrifty": {"ladder": names, **more}},
        "prices": {name: {"prompt_usd": 1.0, "completion_usd": 2.0} for name in names},
    }


def upstream_reply(path: str, document: Document) -> object:
    """Asks for one look, then says what it saw; in whatever protocol it is asked."""
    text = json.dumps(document)
    calls = () if "I see a cat" in text else (LOOK,)
    said = "" if calls else "a cat"
    stream = document.get("stream") is True
    if path == "/messages":
        return messages_stream(said, *calls) if stream else messages(said or None, *calls)
    if path == "/responses":
        return response_stream(said, *calls) if stream else response(said or None, *calls)
    return chat_stream(said, *calls) if stream else chat(said or None, *calls)


# ---- clients that know nothing but HTTP and their protocol ----------------------------------------------------------


def sse(text: str) -> list[Document]:
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


async def talk_chat(client: Client, stream: bool) -> str:
    function = {"name": "look", "description": "Look.", "parameters": TOOL["schema"]}
    body: Document = {
        "model": "thrifty",
        "stream": stream,
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "what is there?"}],
        "tools": [{"type": "function", "function": function}],
    }
    for _ in range(3):
        status, headers, got = await client.post("/v1/chat/completions", body)
        assert status == 200, got
        message = chat_message(sse(got)) if stream else got["choices"][0]["message"]
        if not message.get("tool_calls"):
            assert headers["x-parcae-step"] == "1"
            return str(message["content"])
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": "I see a cat"} for call in message["tool_calls"]
        ]
        assert isinstance(body["messages"], list)
        body["messages"] += [message, *results]
    raise AssertionError("it never ended")


def chat_message(chunks: list[Document]) -> Document:
    text, calls = "", dict[int, Document]()
    for chunk in chunks:
        for choice in chunk["choices"]:  # type: ignore[attr-defined]
            text += choice["delta"].get("content") or ""
            for call in choice["delta"].get("tool_calls") or []:
                known = calls.setdefault(call["index"], {"type": "function", "function": {"name": "", "arguments": ""}})
                known.setdefault("id", call.get("id"))
                for name in ("name", "arguments"):
                    known["function"][name] += call["function"].get(name) or ""  # type: ignore[index]
    return {"role": "assistant", "content": text or None} | ({"tool_calls": list(calls.values())} if calls else {})


async def talk_messages(client: Client, stream: bool) -> str:
    turns: list[object] = [{"role": "user", "content": "what is there?"}]
    tool = {"name": "look", "description": "Look.", "input_schema": TOOL["schema"]}
    body = {"model": "thrifty", "max_tokens": 50, "stream": stream, "system": "be brief", "tools": [tool]}
    for _ in range(3):
        status, headers, got = await client.post("/v1/messages", {**body, "messages": turns})
        assert status == 200, got
        content = message_blocks(sse(got)) if stream else got["content"]
        uses = [block for block in content if block["type"] == "tool_use"]
        if not uses:
            assert headers["x-parcae-step"] == "1"
            return "".join(block["text"] for block in content)
        results = [{"type": "tool_result", "tool_use_id": use["id"], "content": "I see a cat"} for use in uses]
        turns += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
    raise AssertionError("it never ended")


def message_blocks(events: list[Document]) -> list[Document]:
    blocks: list[Document] = []
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"], json=""))  # type: ignore[call-overload]
        if event["type"] == "content_block_delta":
            delta = event["delta"]
            assert isinstance(delta, dict)
            if "text" in delta:
                blocks[-1]["text"] += delta["text"]
            else:
                blocks[-1]["json"] += delta["partial_json"]
    for block in blocks:
        said = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = json.loads(str(said))
    assert events[-1]["type"] == "message_stop"
    return blocks


async def talk_responses(client: Client, stream: bool) -> str:
    items: list[object] = [{"role": "user", "content": "what is there?"}]
    tool = {"type": "function", "name": "look", "description": "Look.", "parameters": TOOL["schema"]}
    body = {"model": "thrifty", "stream": stream, "instructions": "be brief", "tools": [tool]}
    for _ in range(3):
        status, headers, got = await client.post("/v1/responses", {**body, "input": items})
        assert status == 200, got
        whole = sse(got)[-1]["response"] if stream else got
        calls = [item for item in whole["output"] if item["type"] == "function_call"]
        if not calls:
            assert headers["x-parcae-step"] == "1"
            return "".join(part["text"] for item in whole["output"] for part in item["content"])
        items += whole["output"]
        items += [{"type": "function_call_output", "call_id": one["call_id"], "output": "I see a cat"} for one in calls]
    raise AssertionError("it never ended")


Talk = Callable[..., object]
TALKS = {"chat": talk_chat, "messages": talk_messages, "responses": talk_responses}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("family", ["openai", "anthropic"])
@pytest.mark.parametrize("protocol", list(TALKS))
async def test_every_client_is_served_by_every_upstream(protocol: str, family: str, stream: bool) -> None:
    async with upstream(upstream_reply) as up, serving(config(up.url, family=family)) as client:
        assert await TALKS[protocol](client, stream) == "a cat"
        runs = client.gateway.runs.all()
        spent = (await client.gateway.bank.spent(None))["since_start"]
        await client.gateway.recorder.flush()
        begun = await client.gateway.journal.read("gateway/runs", [AttemptEquipped])
    assert [entry.event.tools for entry in begun] == [("look",)]
    assert len(up.seen) == 2
    assert [run.completed for run in runs] == [1]
    assert spent.usd == pytest.approx(2 * 20e-6) and spent.tokens == 30


async def test_the_same_protocol_goes_through_untouched_whole_and_streamed() -> None:
    body: Document = {
        "model": "thrifty",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "what?"}],
        "thinking": {"type": "adaptive"},
        "frobnicate": [1, {"a": None}],
    }
    async with upstream(upstream_reply) as up, serving(config(up.url, family="anthropic")) as client:
        await client.post("/v1/messages", body, anthropic_version="2023-06-01", anthropic_beta="x-1")
        await client.post("/v1/messages", {**body, "stream": True})
    assert [document for _, document in up.seen] == [
        {**body, "model": "small"},
        {**body, "model": "small", "stream": True},
    ]
    assert up.headers[0]["anthropic-beta"] == "x-1"


async def test_a_conversation_that_only_the_server_would_know_is_refused() -> None:
    async with serving(config("http://127.0.0.1:1/v1", family="openai")) as client:
        status, _, body = await client.post(
            "/v1/responses", {"model": "thrifty", "input": "x", "previous_response_id": "r"}
        )
    assert status == 400 and body["error"]["code"] == "stateful_request" and "`input`" in body["error"]["message"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"model": "thrifty", "messages": []}, "invalid_request_error"),
        ({"model": "thrifty", "messages": [{"role": "user", "content": "x"}]}, "invalid_request_error"),
        ({"model": "thrifty", "max_tokens": 1, "messages": [{"role": "user", "content": 3}]}, "invalid_request_error"),
        ({"model": "nobody", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}, "not_found_error"),
    ],
)
async def test_errors_come_in_anthropic_s_shape(body: Document, kind: str) -> None:
    async with serving(config("http://127.0.0.1:1/v1", family="anthropic")) as client:
        status, _, got = await client.post("/v1/messages", body)
    assert status in (400, 404)
    assert got["type"] == "error" and got["error"]["type"] == kind and got["error"]["message"]


async def test_markers_for_the_cache_may_move_without_making_a_new_run() -> None:
    def marked(text: str) -> Document:
        return {"role": "user", "content": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]}

    async with (
        upstream(lambda path, document: messages("go on")) as up,
        serving(config(up.url, family="anthropic")) as client,
    ):
        body: Document = {"model": "thrifty", "max_tokens": 5}
        _, first, _ = await client.post("/v1/messages", {**body, "messages": [marked("one")]})
        turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "go on"}, marked("two")]
        _, second, _ = await client.post("/v1/messages", {**body, "messages": turns})
    assert first["x-parcae-run"] == second["x-parcae-run"] and second["x-parcae-step"] == "1"


async def test_a_run_over_responses_is_followed_through_openai_s_own_tools() -> None:
    text = {"type": "output_text", "text": "short", "annotations": []}
    said = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    shell = {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_2", "action": {"command": ["ls"]}}
    outputs = [
        [{"type": "custom_tool_call", "call_id": "call_1", "name": "apply_patch", "input": "*** Begin Patch"}],
        [{"type": "web_search_call", "id": "ws_1", "status": "completed"}, said],
        [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}, shell],
        [said],
    ]
    answers: list[list[Document]] = [
        [{"type": "custom_tool_call_output", "call_id": "call_1", "output": "patched"}],
        [{"role": "user", "content": "go on"}],
        [{"type": "local_shell_call_output", "id": "call_2", "output": "a.py"}],
    ]
    left = iter(outputs)
    items: list[object] = [{"role": "user", "content": "mend it"}]
    async with (
        upstream(lambda path, document: {**response("x"), "output": next(left)}) as up,
        serving(config(up.url, family="openai")) as client,
    ):
        steps = []
        for output, answer in zip(outputs, [*answers, []], strict=True):
            _, headers, _ = await client.post("/v1/responses", {"model": "thrifty", "input": items})
            steps.append((headers["x-parcae-step"], headers["x-parcae-evidence"]))
            items += [*output, *answer]
    assert steps == [("0", "new"), ("1", "extends"), ("2", "extends"), ("3", "extends")]
