"""Budgets hold under any concurrency, and whatever ends a call is booked: by its usage, or at its worst case."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.gateway.serving import serving
from tests.gateway.upstream import Document, Fault, chat, chat_stream, messages, response, upstream

from parcae.core.events import Reserved, Settled
from parcae.core.usage import Amount
from parcae.gateway.flights import Flights
from parcae.store.sqlite import SqliteJournal

pytestmark = pytest.mark.loopback
PRICE = {"prompt_usd": 1.0, "completion_usd": 2.0}
ENV = {"ALICE": "sk-alice-secret-key-1"}
KEY = {"authorization": f"Bearer {ENV['ALICE']}"}
ASKED: Document = {"model": "thrifty", "messages": [{"role": "user", "content": "x"}], "max_tokens": 10}


def config(url: str, budget: Document, **more: object) -> Document:
    return {
        "upstreams": {"up": {"base_url": url, "retries": 0, "max_in_flight": 500}},
        "models": {"thrifty": {"ladder": ["up:small"]}},
        "prices": {"up:small": PRICE},
        "keys": {"alice": {"secret_env": "ALICE", **budget}},
        **more,
    }


@pytest.mark.parametrize("budget", [{"day": {"usd": 0.05}}, {"total": {"requests": 40}}, {"day": {"tokens": 50_000}}])
async def test_a_budget_is_never_overshot_by_200_clients_at_once(budget: Document) -> None:
    async with (
        upstream(lambda path, document: chat("ok", usage=(900, 10))) as up,
        serving(config(up.url, budget), env=ENV) as client,
    ):

        async def one() -> list[int]:
            return [(await client.post("/v1/chat/completions", ASKED, **KEY))[0] for _ in range(2)]

        statuses = [status for both in await asyncio.gather(*(one() for _ in range(200))) for status in both]
        (spent,) = (await client.gateway.bank.spent(client.gateway.config.keys[0])).values()
        status, _, reply = await client.post("/v1/chat/completions", ASKED, **KEY)
    served = statuses.count(200)
    assert set(statuses) == {200, 402} and served == len(up.seen)
    assert spent == Amount(usd=served * 920e-6, tokens=served * 910, calls=served, seconds=spent.seconds)
    assert spent.usd <= 0.05 and spent.tokens <= 50_000 and (spent.calls <= 40 or "day" in budget)
    assert status == 402 and reply["error"]["code"] == "budget_exceeded" and "alice" in reply["error"]["message"]


WROTE = {
    "openai": ("/v1/chat/completions", {"prompt_tokens": 900, "prompt_tokens_details": {"cache_write_tokens": 500}}),
    "anthropic": (
        "/v1/messages",
        {"input_tokens": 400, "cache_creation_input_tokens": 500, "cache_creation": {"ephemeral_1h_input_tokens": 200}},
    ),
}


@pytest.mark.parametrize(("family", "spent_usd"), [("openai", 0.0014), ("anthropic", 0.0018)])
async def test_what_is_written_to_the_upstreams_cache_costs_its_own_price(family: str, spent_usd: float) -> None:
    path, counted = WROTE[family]
    more = {
        "upstreams": {"up": {"base_url": "", "protocol": family, "retries": 0}},
        "prices": {"up:small": {**PRICE, "written_usd": 2.0, "hour_usd": 4.0}},
    }
    counts = "completion_tokens" if family == "openai" else "output_tokens"
    whole = messages("ok") if family == "anthropic" else chat("ok")
    async with upstream(lambda path, document: {**whole, "usage": {**counted, counts: 0}}) as up:
        more["upstreams"]["up"]["base_url"] = up.url
        async with serving(config(up.url, {"day": {"usd": 5}}, **more), env=ENV) as client:
            await client.post(path, ASKED, **KEY)
            spent = await client.gateway.bank.spent(client.gateway.config.keys[0])
            await client.gateway.recorder.flush()
            [reserved] = [one.event for one in await client.journal.read("gateway/days", [Reserved])]
    assert spent["today"].usd == pytest.approx(spent_usd)
    assert reserved.worst.usd > 3.9 * reserved.worst.tokens / 1e6


@pytest.mark.parametrize(
    ("path", "counted", "known", "tokens"),
    [
        ("/v1/chat/completions", {}, False, 1000),
        ("/v1/chat/completions", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, False, 1000),
        ("/v1/responses", {"total_tokens": 0}, False, 1000),
        ("/v1/messages", {"output_tokens": 0}, False, 1000),
        ("/v1/chat/completions", {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 18}, True, 18),
        ("/v1/responses", {"input_tokens": 9, "output_tokens": 1, "total_tokens": 18}, True, 18),
    ],
)
async def test_a_reply_that_is_not_counted_is_booked_at_its_worst_and_reasoning_in_the_total_counts(
    path: str, counted: Document, known: bool, tokens: int
) -> None:
    family = "anthropic" if path == "/v1/messages" else "openai"
    replies = {"/v1/chat/completions": chat, "/v1/responses": response, "/v1/messages": messages}
    asked = {"model": "thrifty", "input": "x", "max_output_tokens": 10} if path == "/v1/responses" else ASKED
    async with upstream(lambda _, document: {**replies[path]("ok"), "usage": counted}) as up:
        server = {"base_url": up.url, "protocol": family, "responses": family == "openai", "retries": 0}
        async with serving(config(up.url, {"day": {"usd": 5}}, upstreams={"up": server}), env=ENV) as client:
            status, _, _ = await client.post(path, asked, **KEY)
            await client.gateway.recorder.flush()
            [settled] = [one.event for one in await client.journal.read("gateway/days", [Settled])]
    assert (status, settled.known) == (200, known)
    assert settled.actual.tokens == tokens if known else settled.actual.tokens > tokens


SEARCH = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/messages", {**ASKED, "tools": [SEARCH]}),
        ("/v1/messages", {**ASKED, "mcp_servers": [{"type": "url", "url": "https://mcp.invalid", "name": "m"}]}),
        ("/v1/responses", {"model": "thrifty", "input": "x", "max_output_tokens": 9, "tools": [{"type": "mcp"}]}),
        ("/v1/chat/completions", {**ASKED, "web_search_options": {}}),
        ("/v1/chat/completions", {**ASKED, "max_completion_tokens": 5, "max_tokens": 100_000}),
    ],
)
async def test_what_the_provider_may_read_or_write_unseen_is_reserved(path: str, asked: Document) -> None:
    family = "anthropic" if path == "/v1/messages" else "openai"
    async with upstream(lambda _, document: chat("ok")) as up:
        server = {"base_url": up.url, "protocol": family, "responses": family == "openai"}
        async with serving(config(up.url, {"day": {"usd": 0.02}}, upstreams={"up": server}), env=ENV) as client:
            status, _, reply = await client.post(path, asked, **KEY)
    assert (status, reply["error"]["code"], up.seen) == (402, "budget_exceeded", [])


SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}


@pytest.mark.parametrize(
    "asked",
    [
        {**ASKED, "service_tier": "priority"},
        {**ASKED, "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
        {**ASKED, "messages": [{"role": "user", "content": [SOUND]}]},
    ],
)
@pytest.mark.parametrize("limit", ["usd", "tokens"])
async def test_what_has_a_price_that_nobody_knows_is_refused_under_a_budget_in_dollars(
    asked: Document, limit: str
) -> None:
    async with (
        upstream(lambda _, document: chat("ok")) as up,
        serving(config(up.url, {"day": {limit: 50_000_000}}), env=ENV) as client,
    ):
        status, _, reply = await client.post("/v1/chat/completions", asked, **KEY)
    if limit == "tokens":
        assert status == 200
    else:
        assert (status, reply["error"]["code"], up.seen) == (402, "no_price", [])
        assert "limit this key in tokens" in reply["error"]["message"]


async def test_a_tool_that_the_client_runs_fits_a_small_budget_and_a_model_that_counts_too_much_is_named() -> None:
    asked = {**ASKED, "tools": [{"type": "bash_20250124", "name": "bash"}, {"name": "look", "input_schema": {}}]}
    async with upstream(lambda _, document: messages("ok", usage=(90_000, 5))) as up:
        server = {"base_url": up.url, "protocol": "anthropic"}
        async with serving(config(up.url, {"day": {"usd": 0.02}}, upstreams={"up": server}), env=ENV) as client:
            first, _, _ = await client.post("/v1/messages", asked, **KEY)
            second, _, reply = await client.post("/v1/messages", asked, **KEY)
    assert (first, second, reply["error"]["code"]) == (200, 402, "model_distrusted")
    assert "up:small" in reply["error"]["message"] and "were possible" in reply["error"]["message"]


async def test_a_budget_by_task_binds_that_task_alone() -> None:
    async with (
        upstream(lambda path, document: chat("ok")) as up,
        serving(config(up.url, {"task": {"requests": 2}}), env=ENV) as client,
    ):
        asked = [("one", 200), ("one", 200), ("one", 402), ("two", 200)]
        for task, expected in asked:
            status, _, _ = await client.post("/v1/chat/completions", ASKED, **KEY, x_parcae_task=task)
            assert status == expected


@pytest.mark.parametrize(
    ("fault", "status", "spent_tokens"),
    [
        (Fault(status=500), 500, 0),  # refused: nothing was billed
        (Fault(drop=True), 502, None),  # nobody knows: the worst case
        (Fault(status=504), 504, None),
        (Fault(status=400), 400, 0),
    ],
)
async def test_what_a_failed_call_costs(fault: Fault, status: int, spent_tokens: int | None) -> None:
    async with (
        upstream(lambda path, document: chat("ok")) as up,
        serving(config(up.url, {"day": {"usd": 5}}), env=ENV) as client,
    ):
        up.faults = [fault]
        got, _, _ = await client.post("/v1/chat/completions", ASKED, **KEY)
        await client.gateway.recorder.flush()
        [settled] = [one.event for one in await client.journal.read("gateway/days", [Settled])]
    assert got == status
    assert settled.known is (spent_tokens is not None)
    assert settled.actual.tokens == 0 if settled.known else settled.actual.tokens > 1000


@pytest.mark.parametrize("fault", [Fault(cut_after=2), Fault(hang=True)])
async def test_a_broken_stream_and_a_client_that_hangs_up_are_booked_at_the_worst_case(fault: Fault) -> None:
    async with (
        upstream(lambda path, document: chat_stream("a long story of many words")) as up,
        serving(config(up.url, {"day": {"usd": 5}}), env=ENV) as client,
    ):
        up.faults = [fault]
        asking = asyncio.ensure_future(client.post("/v1/chat/completions", {**ASKED, "stream": True}, **KEY))
        if fault.hang:
            while not up.in_flight:  # noqa: ASYNC110  # the upstream has no event for it
                await asyncio.sleep(0.01)
            asking.cancel()
        await asyncio.wait({asking})
        while up.in_flight or client.gateway.metrics.in_flight:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)
        await client.gateway.recorder.flush()
        settled = [one.event for one in await client.journal.read("gateway/days", [Settled])]
    assert [one.known for one in settled] == [False]
    assert up.cancelled == (1 if fault.hang else 0)  # the upstream's call ended with its client


async def test_a_model_without_a_price_is_refused_where_dollars_are_limited() -> None:
    async with upstream(lambda path, document: chat("ok")) as up:
        document = {**config(up.url, {"day": {"usd": 5}}), "prices": {}}
        async with serving(document, env=ENV) as client:
            status, _, reply = await client.post("/v1/chat/completions", ASKED, **KEY)
    assert (status, reply["error"]["code"], up.seen) == (402, "no_price", [])


async def test_spending_goes_on_where_the_process_before_ended(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    spent = []
    async with upstream(lambda path, document: chat("ok", usage=(900, 10))) as up:
        for _ in range(2):
            async with SqliteJournal.open(file) as journal:
                document = {**config(up.url, {"day": {"usd": 5}, "total": {"usd": 9}}), "journal": str(file)}
                async with serving(document, env=ENV, journal=journal) as client:
                    await client.post("/v1/chat/completions", ASKED, **KEY)
                    spent.append(await client.gateway.bank.spent(client.gateway.config.keys[0]))
    assert [{name: one.calls for name, one in each.items()} for each in spent] == [
        {"today": 1, "total": 1},
        {"today": 2, "total": 2},
    ]


def test_the_table_of_calls_survives_its_process_but_not_its_boot(tmp_path: Path) -> None:
    first = Flights(tmp_path / "flights", b"boot-1")
    one, two = (first.depart("a", f"a#{n}", "a#1+", Amount(usd=0.5, tokens=3, calls=1)) for n in (1, 2))
    first.land([one])
    first.close()
    second = Flights(tmp_path / "flights", b"boot-1")
    left = second.left("a")
    assert left is not None and [call.reservation for call in left] == ["a#2"]
    assert second.left("b") == [] and two != second.depart("b", "b#1", "b#1+", Amount())
    second.taken_up("a")
    assert second.left("a") == []
    second.close()
    third = Flights(tmp_path / "flights", b"boot-2")
    assert third.left("a") is None
    third.close()


def test_the_table_of_calls_grows(tmp_path: Path) -> None:
    table = Flights(tmp_path / "flights", b"boot-1")
    slots = [table.depart("a", f"a#{n}", "a#1+", Amount(calls=1)) for n in range(5000)]
    table.close()
    again = Flights(tmp_path / "flights", b"boot-1")
    left = again.left("a")
    assert len(set(slots)) == 5000 and left is not None and len(left) == 5000
    again.close()


async def test_the_limit_of_a_run_holds_for_agents_that_nobody_can_tell_apart() -> None:
    limits = {"models": {"thrifty": {"ladder": ["up:small"], "limits": {"calls": 3}}}}
    histories: list[list[object]] = [[{"role": "user", "content": "x"}] for _ in range(2)]
    served = 0
    async with (
        upstream(lambda path, document: chat("the same words")) as up,
        serving({**config(up.url, {}), "keys": {}, **limits}) as client,
    ):
        for _ in range(10):
            for history in histories:
                status, _, got = await client.post("/v1/chat/completions", {**ASKED, "messages": history})
                assert status in (200, 402)
                served += status == 200
                if status == 200:
                    history += [got["choices"][0]["message"], {"role": "user", "content": "go on"}]
    assert served <= 3 * 4  # each of the two openings, and each of the two runs that nobody can tell apart


@pytest.mark.parametrize(("name", "field"), [("openai", "max_completion_tokens"), ("vllm", "max_tokens")])
async def test_the_bound_that_a_budget_needs_is_set_under_the_name_that_the_server_knows(name: str, field: str) -> None:
    asked = {"model": f"{name}:big", "messages": ASKED["messages"]}
    async with upstream(lambda path, document: chat("ok")) as up:
        document = {
            **config(up.url, {"day": {"usd": 1}}),
            "upstreams": {name: {"base_url": up.url}},
            "prices": {f"{name}:big": PRICE},
            "models": {},
        }
        async with serving(document, env=ENV) as client:
            status, _, got = await client.post("/v1/chat/completions", asked, **KEY)
    assert status == 200, got
    ((_, sent),) = up.seen
    assert {key for key in sent if key.startswith("max")} == {field}
