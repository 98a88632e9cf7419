"""What is done about a forecast: nothing but a note, another model, or the end of the run; and who may see what."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from tests.gateway.serving import Client, serving
from tests.gateway.upstream import Document, Fault, Scripted, chat, messages, upstream

from parcae.core.errors import CallerMistake
from parcae.core.events import Decided, OutcomeGiven, StepCompleted
from parcae.core.usage import Limits
from parcae.gateway.config import read_config

pytestmark = pytest.mark.loopback
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
PRICE = {"prompt_usd": 1.0, "completion_usd": 2.0}


def config(url: str, **more: object) -> Document:
    plan = {"ladder": ["up:small", "up:large"], "policy": "parallel@3", "forecaster": "rule"}
    return {
        "upstreams": {"up": {"base_url": url, "retries": 0}, "home": {"base_url": url, "retries": 0, "local": True}},
        "models": {"thrifty": {**plan, **more}},
        "prices": dict.fromkeys(("up:small", "up:large", "home:small", "home:large"), PRICE),
    }


def stuck(numbers: count[int]) -> object:
    """A small model that looks at the same place for ever, and a large one that answers."""

    def reply(path: str, document: Document) -> object:
        if document["model"] == "large":
            return chat("found it")
        return chat(None, (f"call_{next(numbers):024d}", "look", "{}"))

    return reply


async def work(
    client: Client, *, model: str = "thrifty", most: int = 6, opening: str = "find it", **headers: str
) -> list[tuple[int, str]]:
    """An agent's run: (status, who answered) of every step."""
    turns: list[Document] = [{"role": "user", "content": opening}]
    seen = []
    for _ in range(most):
        body = {"model": model, "messages": turns, "tools": [TOOL]}
        status, said, reply = await client.post("/v1/chat/completions", body, **headers)
        seen.append((status, said.get("x-parcae-model", "")))
        if status != 200:
            break
        message = reply["choices"][0]["message"]
        if not message.get("tool_calls"):
            break
        turns += [message, {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "dark"}]
    return seen


SMALL, LARGE = (200, "up:small"), (200, "up:large")


async def test_observing_says_what_it_would_have_done_and_does_nothing() -> None:
    async with upstream(stuck(count())) as up, serving(config(up.url, mode="observe")) as client:
        assert await work(client) == [SMALL] * 6
        decided = await client.journal.read("gateway/runs", [Decided])
        _, page = await client.get("/metrics")
    assert [one.event.action for one in decided] == ["observe_swap"]
    assert "parcae_would_act_total 1" in page and "parcae_swaps_total 0" in page


async def test_a_swap_holds_for_the_rest_of_the_run() -> None:
    async with upstream(stuck(count())) as up, serving(config(up.url, mode="swap")) as client:
        assert await work(client) == [SMALL] * 3 + [LARGE]


async def test_a_stop_is_an_error_that_no_client_repeats() -> None:
    async with upstream(stuck(count())) as up, serving(config(up.url, mode="stop", policy="stop@3")) as client:
        assert await work(client) == [SMALL] * 3 + [(422, "")]
        body = {"model": "thrifty", "messages": [{"role": "user", "content": "find it"}]}
        other, _, _ = await client.post("/v1/chat/completions", body)
    assert other == 200 and len(up.seen) == 4  # another run of the same task goes on


@pytest.mark.parametrize("stream", [False, True])
async def test_a_stop_may_be_an_answer_for_agents_that_break_on_errors(stream: bool) -> None:
    more = {"mode": "stop", "policy": "stop@3", "stop": "answer"}
    async with upstream(stuck(count())) as up, serving(config(up.url, **more)) as client:
        await work(client, most=3)
        turns = [message for _, document in up.seen[-1:] for message in document["messages"]]  # type: ignore[attr-defined]
        call = {"id": f"call_{2:024d}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        turns += [{"role": "assistant", "content": None, "tool_calls": [call]}]
        turns += [{"role": "tool", "tool_call_id": call["id"], "content": "dark"}]
        body = {"model": "thrifty", "messages": turns, "stream": stream}
        status, _, reply = await client.post("/v1/chat/completions", body)
    assert status == 200 and len(up.seen) == 3
    assert "stopped by its forecast" in str(reply)


async def test_what_may_be_two_runs_is_neither_swapped_nor_stopped_and_is_counted() -> None:
    def same(path: str, document: Document) -> object:
        return chat("the same words")

    async with upstream(same) as up, serving(config(up.url, mode="swap")) as client:
        for _ in range(2):  # two attempts that look alike
            await client.post(
                "/v1/chat/completions", {"model": "thrifty", "messages": [{"role": "user", "content": "x"}]}
            )
        turns = [{"role": "user", "content": "x"}]
        for _ in range(4):
            turns += [{"role": "assistant", "content": "the same words"}, {"role": "user", "content": "again"}]
            _, said, _ = await client.post("/v1/chat/completions", {"model": "thrifty", "messages": turns})
        _, page = await client.get("/metrics")
    assert said["x-parcae-evidence"] == "ambiguous" and said["x-parcae-model"] == "up:small"
    assert "parcae_ambiguous_requests 1" in page


# ---- privacy, failover ----------------------------------------------------------------------------------------------


async def test_a_private_task_never_leaves_local_models_not_even_when_they_are_down() -> None:
    ladder = ["up:small", "home:large"]
    async with upstream(stuck(count())) as up, serving(config(up.url, ladder=ladder, mode="swap")) as client:
        assert await work(client, x_parcae_private="1") == [(200, "home:large")]
        up.faults = [Fault(status=500)] * 3
        body = {"model": "thrifty", "messages": [{"role": "user", "content": "other"}]}
        status, _, _ = await client.post("/v1/chat/completions", body, x_parcae_private="1")
        embedded, _, _ = await client.post("/v1/embeddings", {"model": "up:small", "input": "x"}, x_parcae_private="1")
        refused, _, reply = await client.post(
            "/v1/chat/completions", {**body, "model": "up:small"}, x_parcae_private="1"
        )
    assert (status, embedded, refused, reply["error"]["code"]) == (500, 403, 403, "private")
    assert all(document["model"] == "large" for _, document in up.seen)


async def test_a_failover_lasts_for_as_long_as_the_upstream_is_down_and_no_longer() -> None:
    async with upstream(lambda path, document: chat("ok")) as up, serving(config(up.url)) as client:
        up.faults = [Fault(status=503)]
        turns: list[Document] = [{"role": "user", "content": "x"}]
        _, first, reply = await client.post("/v1/chat/completions", {"model": "thrifty", "messages": turns})
        client.gateway.targets.find("up:small").gate.down_until = 0.0
        turns += [reply["choices"][0]["message"], {"role": "user", "content": "y"}]
        _, second, _ = await client.post("/v1/chat/completions", {"model": "thrifty", "messages": turns})
    assert (first["x-parcae-model"], second["x-parcae-model"]) == ("up:large", "up:small")


async def test_embeddings_are_forwarded_and_billed() -> None:
    found = {"object": "list", "data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 7, "total_tokens": 7}}
    async with upstream(lambda path, document: found) as up, serving(config(up.url)) as client:
        status, said, reply = await client.post("/v1/embeddings", {"model": "up:small", "input": "x", "dimensions": 1})
        spent = (await client.gateway.bank.spent(None))["since_start"]
    assert (status, reply, said["x-parcae-cost-usd"]) == (200, found, "0.000007000")
    assert up.seen == [("/embeddings", {"model": "small", "input": "x", "dimensions": 1})]
    assert spent.tokens == 7


# ---- keys and outcomes ----------------------------------------------------------------------------------------------

KEYS = {
    "alice": {"secret_env": "ALICE", "models": ["thrifty"]},
    "root": {"secret_env": "ROOT", "admin": True},
}
ENV = {"ALICE": "sk-alice-secret-key-1", "ROOT": "sk-root-secret-key-1", "UP": "sk-upstream-key-000000000000"}


def guarded(up: Scripted) -> Document:
    document = config(up.url)
    document["upstreams"] = {"up": {"base_url": up.url, "key_env": "UP"}}
    return {**document, "keys": KEYS}


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {ENV[name]}"}


async def test_without_a_key_nothing_is_served_and_only_an_admin_sees_everything() -> None:
    async with upstream(lambda path, document: chat("ok")) as up, serving(guarded(up), env=ENV) as client:
        body: Document = {"model": "thrifty", "messages": [{"role": "user", "content": "x"}]}
        statuses = {
            "none": (await client.post("/v1/chat/completions", body))[0],
            "wrong": (await client.post("/v1/chat/completions", body, authorization="Bearer nope"))[0],
            "alice": (await client.post("/v1/chat/completions", body, **bearer("ALICE")))[0],
            "alice elsewhere": (
                await client.post("/v1/chat/completions", {**body, "model": "up:large"}, **bearer("ALICE"))
            )[0],
            "metrics as alice": (await client.get("/metrics", **bearer("ALICE")))[0],
            "runs as alice": (await client.get("/v1/runs", **bearer("ALICE")))[0],
            "runs as root": (await client.get("/v1/runs", **bearer("ROOT")))[0],
            "health": (await client.get("/healthz"))[0],
        }
        everything = repr([await client.get(path, **bearer("ROOT")) for path in ("/metrics", "/v1/runs", "/v1/models")])
    assert statuses == {
        "none": 401, "wrong": 401, "alice": 200, "alice elsewhere": 403, "metrics as alice": 403, "runs as alice": 403,
        "runs as root": 200, "health": 200,
    }  # fmt: skip
    assert up.headers[0]["Authorization"] == f"Bearer {ENV['UP']}"  # the gateway's key, never the client's
    assert not any(secret in everything for secret in ENV.values())


async def test_an_address_beyond_this_machine_needs_keys() -> None:
    with pytest.raises(CallerMistake, match="without keys"):
        read_config({"listen": "0.0.0.0:8790"}, {})
    assert read_config({"listen": "0.0.0.0:8790", "keys": KEYS}, ENV).is_guarded


@pytest.mark.parametrize(
    "document",
    [
        {"prices": {"up:a": {"prompt_usd": float("nan"), "completion_usd": 1}}},
        {"limits": {"idle_seconds": float("nan")}},
        {"upstreams": {"up": {"base_url": "http://a.b", "timeout_seconds": float("nan")}}},
    ],
)
def test_what_is_no_number_is_no_price_and_no_limit(document: Document) -> None:
    with pytest.raises(CallerMistake, match="nan"):
        read_config(document, {})


async def test_a_newline_after_a_secret_belongs_to_its_file_and_not_to_the_secret() -> None:
    async with upstream(lambda path, document: chat("ok")) as up:
        document: Document = {
            "upstreams": {"up": {"base_url": up.url, "key_env": "UP"}},
            "keys": {"alice": {"secret_env": "ALICE"}},
        }
        async with serving(document, env={"UP": "sk-up\n", "ALICE": "sk-alice\n"}) as client:
            body = {"model": "up:a", "messages": [{"role": "user", "content": "x"}]}
            status, _, _ = await client.post("/v1/chat/completions", body, authorization="bearer sk-alice")
    assert status == 200 and up.headers[0]["Authorization"] == "Bearer sk-up"
    assert client.gateway.config.secrets == ("sk-up", "sk-alice")


def test_a_plans_own_limits_bind_its_virtual_models_and_a_plan_that_is_none_is_said(tmp_path: Path) -> None:
    stages = '[stages.fast]\nladder = ["up:weak"]\n[stages.fast.limits]\nusd = 2\n'
    (tmp_path / "plan.toml").write_text(f"[limits]\nusd = 0.5\ncalls = 7\n{stages}")
    config = read_config({"plan": "plan.toml"}, ENV, folder=tmp_path)
    assert config.models["fast"].stage.limits == Limits(usd=0.5, calls=7)
    for text in ("ladder = ", "attempts = 1" + "0" * 5000):
        (tmp_path / "plan.toml").write_text(text)
        with pytest.raises(CallerMistake, match="cannot be read as a plan"):
            read_config({"plan": "plan.toml"}, ENV, folder=tmp_path)
    with pytest.raises(CallerMistake, match="cannot be read as a plan"):
        read_config({"plan": "nowhere.toml"}, ENV, folder=tmp_path)


async def test_no_key_sees_or_continues_another_key_s_run() -> None:
    keys = {"a": {"secret_env": "ALICE"}, "b": {"secret_env": "ROOT"}}
    said = "a reply that is long enough to tell runs apart by it"
    async with (
        upstream(lambda path, document: chat(said)) as up,
        serving({**guarded(up), "keys": keys}, env=ENV) as client,
    ):
        turns: list[Document] = [{"role": "user", "content": "x"}]
        body: Document = {"model": "thrifty", "messages": turns}
        _, first, reply = await client.post("/v1/chat/completions", body, **bearer("ALICE"))
        given = {"run": first["x-parcae-run"], "success": True}
        status, _, _ = await client.post("/v1/outcomes", given, **bearer("ROOT"))
        turns += [reply["choices"][0]["message"], {"role": "user", "content": "y"}]
        _, second, _ = await client.post("/v1/chat/completions", body, **bearer("ROOT"))
    assert second["x-parcae-evidence"] == "new" and status == 404


async def test_an_outcome_labels_the_run_and_ends_it() -> None:
    async with upstream(lambda path, document: chat("found it")) as up, serving(config(up.url)) as client:
        [_] = await work(client)
        run = client.gateway.runs.all()[0]
        status, _, _ = await client.post("/v1/outcomes", {"run": run.name, "success": True, "source": "tests"})
        unknown, _, _ = await client.post("/v1/outcomes", {"run": "nobody", "success": True})
        outcomes = await client.journal.read(run.scope, [OutcomeGiven])
        completed = await client.journal.read(run.scope, [StepCompleted])
    assert (status, unknown) == (200, 404)
    assert [(one.event.success, one.event.source) for one in outcomes] == [(True, "tests")]
    assert [one.event.ending.answer for one in completed if one.event.ending] == [("found it",)]


async def test_an_upstream_s_opinion_of_our_own_key_is_not_the_client_s_to_read() -> None:
    async with upstream(lambda path, document: messages("x")) as up, serving(config(up.url)) as client:
        up.faults = [Fault(status=401), Fault(status=401)]
        status, _, reply = await client.post(
            "/v1/chat/completions", {"model": "thrifty", "messages": [{"role": "user", "content": "x"}]}
        )
    assert status == 502 and "gateway's own key" in reply["error"]["message"]
