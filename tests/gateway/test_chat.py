from __future__ import annotations

import json

import pytest
from tests.gateway.serving import serving
from tests.gateway.upstream import Fault, chat, chat_stream, turns, upstream

pytestmark = pytest.mark.loopback


def config(url: str, **more: object) -> dict[str, object]:
    return {
        "upstreams": {"fake": {"base_url": url, "retries": 1}},
        "models": {"thrifty": {"ladder": ["fake:small", "fake:large"], **more}},
        "prices": {name: {"prompt_usd": 1.0, "completion_usd": 2.0} for name in ("fake:small", "fake:large")},
    }


def asking(*messages: dict[str, object], **more: object) -> dict[str, object]:
    return {"model": "thrifty", "messages": list(messages), **more}


USER = {"role": "user", "content": "fix it"}


async def test_a_request_goes_through_with_the_rung_s_model_and_unknown_fields_untouched() -> None:
    async with upstream(lambda path, document: chat("done")) as up, serving(config(up.url)) as client:
        status, headers, body = await client.post("/v1/chat/completions", asking(USER, frobnicate={"a": [1.5, None]}))
    assert (status, body["choices"][0]["message"]["content"]) == (200, "done")
    assert up.seen == [("/chat/completions", asking(USER, frobnicate={"a": [1.5, None]}) | {"model": "small"})]
    assert headers["x-parcae-step"] == "0" and headers["x-parcae-model"] == "fake:small"
    assert float(headers["x-parcae-cost-usd"]) == pytest.approx(20e-6)


async def test_a_run_is_known_again_by_what_it_extends() -> None:
    def reply(path: str, document: dict[str, object]) -> object:
        return chat(None, (f"call-{turns(document)}", "look", '{"at": 1}'))

    async with upstream(reply) as up, serving(config(up.url)) as client:
        history: list[dict[str, object]] = [USER]
        runs, steps = set(), []
        for _ in range(4):
            _, headers, body = await client.post("/v1/chat/completions", asking(*history))
            message = body["choices"][0]["message"]
            history += [message, {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "ok"}]
            runs.add(headers["x-parcae-run"])
            steps.append(headers["x-parcae-step"])
    assert len(runs) == 1 and steps == ["0", "1", "2", "3"]


async def test_a_stream_goes_through_and_its_usage_is_kept_back_unless_asked_for() -> None:
    async with upstream(lambda path, document: chat_stream("all is well")) as up, serving(config(up.url)) as client:
        _, _, plain = await client.post("/v1/chat/completions", asking(USER, stream=True))
        options = {"include_usage": True}
        _, _, asked = await client.post("/v1/chat/completions", asking(USER, stream=True, stream_options=options))
        spent = (await client.gateway.bank.spent(None))["since_start"]
    assert '"usage"' not in plain and plain.endswith("data: [DONE]\n\n")
    assert '"usage"' in asked
    assert all(document["stream_options"] == {"include_usage": True} for _, document in up.seen)
    assert spent.usd == pytest.approx(2 * 20e-6)


async def test_a_call_that_fails_is_tried_again_and_then_the_next_rung_answers() -> None:
    async with upstream(lambda path, document: chat("done")) as up, serving(config(up.url)) as client:
        up.faults = [Fault(status=500), Fault(status=500)]
        status, headers, _ = await client.post("/v1/chat/completions", asking(USER))
    assert status == 200 and headers["x-parcae-model"] == "fake:large"
    assert [document["model"] for _, document in up.seen] == ["small", "small", "large"]


async def test_what_the_upstream_says_of_a_bad_request_reaches_the_client() -> None:
    async with upstream(lambda path, document: chat("done")) as up, serving(config(up.url)) as client:
        up.faults = [Fault(status=422)]
        status, _, body = await client.post("/v1/chat/completions", asking(USER))
    assert (status, body["error"]["message"], len(up.seen)) == (422, "scripted fault", 1)


async def test_a_stream_that_is_cut_ends_in_an_error_event() -> None:
    async with upstream(lambda path, document: chat_stream("all is well")) as up, serving(config(up.url)) as client:
        up.faults = [Fault(cut_after=2)]
        _, _, text = await client.post("/v1/chat/completions", asking(USER, stream=True))
    last = json.loads(text.strip().splitlines()[-1].removeprefix("data: "))
    assert last["error"]["code"] == "stream_cut"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'{"model": "thrifty"}', "missing_field"),
        (b'{"model": 1, "messages": []}', "wrong_type"),
        (b'{"model": "thrifty", "messages": [1]}', "wrong_type"),
        (b'{"model": "thrifty", "messages": [{"role": "king"}]}', "wrong_value"),
        (b'{"model": "thrifty", "messages": [{"role": "user", "content": "\xff"}]}', "invalid_json"),
        (b"[" * 50_000, "invalid_json"),
        (b'{"model": "nobody", "messages": [{"role": "user"}]}', "model_not_found"),
    ],
)
async def test_malformed_requests_get_an_error_in_the_protocol_s_shape(body: bytes, code: str) -> None:
    async with serving(config("http://127.0.0.1:1/v1")) as client:
        response = await client.http.post(client.url + "/v1/chat/completions", data=body)
        document = await response.json()
    assert response.status in (400, 404)
    assert document["error"]["code"] == code and document["error"]["message"]
