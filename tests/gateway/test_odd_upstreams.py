"""Upstreams that are not as their protocol's reference says: what their clients get, and what is booked for it."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from tests.gateway.serving import Client, serving
from tests.gateway.upstream import Document, chat_stream, messages_stream, response_stream, upstream

pytestmark = pytest.mark.loopback
PATHS = {"/v1/chat/completions": "openai", "/v1/messages": "anthropic", "/v1/responses": "openai"}


def config(url: str, family: str) -> Document:
    return {
        "upstreams": {"up": {"protocol": family, "base_url": url, "responses": True, "retries": 0}},
        "models": {"m": {"ladder": ["up:small"], "limits": {"usd": 1}}},
        "prices": {"up:small": {"prompt_usd": 1.0, "completion_usd": 2.0}},
    }


def asking(path: str, **more: object) -> Document:
    said: Document = {"input": "x"} if path == "/v1/responses" else {"messages": [{"role": "user", "content": "x"}]}
    return {"model": "m", **({"max_tokens": 50} if path == "/v1/messages" else {}), **said, **more}


async def spent_usd(client: Client) -> float | None:
    (run,) = client.gateway.runs.all()
    return run.cost_usd


async def test_a_chat_stream_that_ends_after_its_finish_is_whole_without_done() -> None:
    events = chat_stream("all is well")[:-1]
    async with upstream(lambda path, document: events) as up, serving(config(up.url, "openai")) as client:
        path = "/v1/chat/completions"
        _, _, text = await client.post(path, asking(path, stream=True))
        _, _, wished = await client.post(path, asking(path, stream=True, stream_options={"include_usage": True}))
        assert {run.cost_usd for run in client.gateway.runs.all()} == {20e-6}
    assert "error" not in text and "well" in text
    assert "error" not in wished and '"usage"' in wished


async def test_streamed_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    said = [
        {"id": "call_a", "function": {"name": "look", "arguments": '{"at":'}},
        {"function": {"arguments": "1}"}},
        {"id": "call_b", "function": {"name": "read", "arguments": "{}"}},
    ]
    events: list[object] = [{"choices": [{"index": 0, "delta": {"tool_calls": [one]}}]} for one in said]
    path, history = "/v1/chat/completions", [{"role": "user", "content": "x"}]
    calls = [
        {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}},
        {"id": "call_b", "type": "function", "function": {"name": "read", "arguments": "{}"}},
    ]
    more = [
        {"role": "assistant", "content": None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in calls),
    ]
    async with upstream(lambda path, document: [*events, "[DONE]"]) as up, serving(config(up.url, "openai")) as client:
        await client.post(path, asking(path, stream=True, messages=history))
        _, headers, _ = await client.post(path, asking(path, stream=True, messages=[*history, *more]))
    assert (headers["x-parcae-step"], headers["x-parcae-evidence"]) == ("1", "extends")


@pytest.mark.parametrize("path", list(PATHS))
async def test_a_stream_whose_last_blank_line_is_missing_is_whole(path: str) -> None:
    streams = {
        "/v1/chat/completions": chat_stream("well"),
        "/v1/messages": messages_stream("well"),
        "/v1/responses": response_stream("well"),
    }
    lines = [event if isinstance(event, str) else json.dumps(event) for event in streams[path]]
    body = "".join(f"data: {line}\n\n" for line in lines).removesuffix("\n")

    def reply(path: str, document: Document) -> object:
        return web.Response(text=body, content_type="text/event-stream")

    async with upstream(reply) as up, serving(config(up.url, PATHS[path])) as client:
        _, _, text = await client.post(path, asking(path, stream=True))
        assert await spent_usd(client) == pytest.approx(20e-6)
    assert "stream_cut" not in text and lines[-1] in text and text.endswith("\n\n")


@pytest.mark.parametrize("cut", ['data: {"choices": [{"ind', ": nothing\n"])
async def test_a_stream_that_ends_before_its_finish_is_cut(cut: str) -> None:
    said = {"choices": [{"index": 0, "delta": {"content": "half"}, "finish_reason": None}]}
    body = f"data: {json.dumps(said)}\n\n{cut}"

    def reply(path: str, document: Document) -> object:
        return web.Response(text=body, content_type="text/event-stream")

    path = "/v1/chat/completions"
    async with upstream(reply) as up, serving(config(up.url, "openai")) as client:
        _, _, text = await client.post(path, asking(path, stream=True))
    assert text.count("data: ") == 2 and "stream_cut" in text


@pytest.mark.parametrize("status", [400, 413, 429, 502])
@pytest.mark.parametrize("path", list(PATHS))
async def test_a_page_of_a_proxy_becomes_an_error_in_the_client_s_protocol(path: str, status: int) -> None:
    def reply(path: str, document: Document) -> object:
        return web.Response(status=status, text="<html>nginx</html>", content_type="text/html")

    async with upstream(reply) as up, serving(config(up.url, PATHS[path])) as client:
        got, _, document = await client.post(path, asking(path))
    assert got == status and str(status) in document["error"]["message"]


@pytest.mark.parametrize("status", [301, 401])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_what_no_second_try_can_mend_is_not_asked_to_be_tried_again(path: str, status: int) -> None:
    def reply(path: str, document: Document) -> object:
        return web.Response(status=status, headers={"location": "https://elsewhere"})

    async with upstream(reply) as up, serving(config(up.url, "openai")) as client:
        got, headers, document = await client.post(path, asking(path))
        spent = (await client.gateway.bank.spent(None))["since_start"]
    assert (got, headers["x-should-retry"], len(up.seen)) == (502, "false", 1)
    assert "try again" not in document["error"]["message"]
    assert spent.usd == 0
