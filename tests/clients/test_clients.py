"""Unmodified agents of five frameworks, each swapped in the middle of a run to a model of the other provider."""

from __future__ import annotations

import json
from itertools import count

import pytest
from tests.clients import environment
from tests.gateway.serving import serving
from tests.gateway.upstream import (
    chat,
    chat_stream,
    messages,
    messages_stream,
    response,
    response_stream,
    upstream,
)

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(600)]
Document = dict[str, object]
PRICE = {"prompt_usd": 1.0, "completion_usd": 2.0}
NAMES = ("oa:small", "oa:large", "an:small", "an:large")
CLIENTS = {
    "openai_sdk": ("sync", "async", "streamed", "responses", "responses_streamed"),
    "anthropic_sdk": ("sync", "async", "streamed"),
    "pydantic_ai_agent": ("openai", "anthropic"),
    "openai_agents": ("responses", "chat"),
    "langchain": ("invoked", "streamed"),
    "mini_swe_agent": ("openai", "anthropic"),
}


class Scripts:
    """The small model looks at the same place again and again; the large one answers. In every protocol."""

    def __init__(self) -> None:
        self.numbers = count()
        self.asked: list[tuple[str, str]] = []

    def __call__(self, path: str, document: Document) -> object:
        model, has_bash = str(document["model"]), '"bash"' in json.dumps(document.get("tools"))
        self.asked.append((path, model))
        call_id = f"call_{next(self.numbers):024d}"
        small = ("bash", '{"command": "echo dark"}') if has_bash else ("look", '{"at": 1}')
        done = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && echo a cat"
        if model == "small":
            return self.said(path, document, "", (call_id, *small))
        if has_bash:
            return self.said(path, document, "", (call_id, "bash", json.dumps({"command": done})))
        return self.said(path, document, "a cat")

    def said(self, path: str, document: Document, text: str, *calls: tuple[str, str, str]) -> object:
        stream = document.get("stream") is True
        if path == "/messages":
            return messages_stream(text, *calls) if stream else messages(text or None, *calls)
        if path == "/responses":
            return response_stream(text, *calls) if stream else response(text or None, *calls)
        return chat_stream(text, *calls) if stream else chat(text or None, *calls)


def config(url: str, ladder: tuple[str, str], **more: object) -> Document:
    plan = {"ladder": list(ladder), "policy": "parallel@4", "forecaster": "rule", "mode": "swap"}
    return {
        "upstreams": {
            "oa": {"base_url": url, "responses": True},
            "an": {"base_url": url, "protocol": "anthropic"},
        },
        "models": {"thrifty": plan, "stopper": {**plan, "policy": "stop@4", "mode": "stop"}},
        "prices": dict.fromkeys(NAMES, PRICE),
        "keys": {"alice": {"secret_env": "ALICE", "day": {"usd": 5}}},
    }


@pytest.mark.parametrize(
    "ladder", [("oa:small", "an:large"), ("an:small", "oa:large")], ids=["to anthropic", "to openai"]
)
@pytest.mark.parametrize("client", CLIENTS)
async def test_an_unmodified_client_is_swapped_half_way_and_ends_well(client: str, ladder: tuple[str, str]) -> None:
    scripts, secret = Scripts(), {"ALICE": "sk-parcae-alice"}
    async with upstream(scripts) as up, serving(config(up.url, ladder), env=secret) as served:
        found = await environment.run(client, *CLIENTS[client], url=served.url, key="sk-parcae-alice")
        runs = served.gateway.runs.all()
    assert found == dict.fromkeys(CLIENTS[client], "a cat")
    assert [run.rung for run in runs] == [1] * len(CLIENTS[client])  # one run a mode, none mixed, each swapped
    assert [run.completed for run in runs] == [4] * len(
        CLIENTS[client]
    )  # swapped after four, and the fifth was the last
    assert [model for _, model in scripts.asked] == ["small"] * 4 + ["large"] if len(runs) == 1 else True


@pytest.mark.parametrize(
    ("client", "error"),
    [
        ("openai_sdk", "UnprocessableEntityError predicted_failure"),
        ("anthropic_sdk", "UnprocessableEntityError predicted_failure"),
    ],
)
async def test_a_stopped_run_is_not_asked_for_again_by_the_client_s_own_retries(client: str, error: str) -> None:
    scripts, secret = Scripts(), {"ALICE": "sk-parcae-alice"}
    async with upstream(scripts) as up, serving(config(up.url, ("oa:small", "oa:large")), env=secret) as served:
        found = await environment.run(client, "retried", url=served.url, key="sk-parcae-alice")
        refused = sum(n for (_, status), n in served.gateway.metrics.requests.items() if status == 422)
    assert found == {"retried": error}
    assert refused == 1 and len(scripts.asked) == 4
