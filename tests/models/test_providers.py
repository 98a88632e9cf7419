"""Providers over HTTP, with the faults of real ones: what is tried again, what is paid for, what people read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RequestUsage
from tests.gateway.upstream import chat, chat_stream, upstream

from parcae.core.errors import OutcomeUnknown, ProviderFailed
from parcae.core.events import Reserved, Settled
from parcae.core.protocols import Event, Model, Reply
from parcae.core.scope import Scope
from parcae.core.usage import Limits, Usage
from parcae.ledger.account import open_account
from parcae.models.budgeted import Asked, ask
from parcae.models.catalog import Catalog
from parcae.models.open import open_model
from parcae.models.provider import ProviderModel
from parcae.models.scripted import call, say, together
from parcae.store.memory import MemoryJournal
from parcae.testing.clock import StillClock
from parcae.testing.models import asked
from parcae.testing.servers import Fault, Server, serving

pytestmark = pytest.mark.loopback
SECRET = "sk-" + "secret" * 5
WIRES = {
    "openai:gpt-4o-mini": {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": "{url}/v1"},
    "anthropic:claude-sonnet-5": {"ANTHROPIC_API_KEY": SECRET, "ANTHROPIC_BASE_URL": "{url}"},
    "google:gemini-2.5-flash": {"GOOGLE_API_KEY": SECRET, "GOOGLE_BASE_URL": "{url}"},
}
every_wire = pytest.mark.parametrize("name", WIRES)
streamed_or_not = pytest.mark.parametrize("streams", [False, True])


@asynccontextmanager
async def provider(
    name: str, script: Sequence[ModelResponse | Fault], *, delay_seconds: float = 0.0
) -> AsyncIterator[tuple[Model, Server]]:
    """The model `name` at a server that follows `script`."""
    async with serving(script, delay_seconds=delay_seconds) as server:
        known = next(env for one, env in WIRES.items() if one.partition(":")[0] == name.partition(":")[0])
        env = {key: value.format(url=server.url) for key, value in known.items()}
        model = open_model(name, catalog=Catalog(), env=env)
        assert isinstance(model, ProviderModel)
        try:
            yield model, server
        finally:
            await model.close()


async def paid(model: Model, journal: MemoryJournal, clock: StillClock | None = None) -> Asked:
    """One call under a budget."""
    account = open_account("run", Limits(usd=10.0), journal)
    scope = Scope(id="run", account=account, journal=journal, clock=clock or StillClock(), seed=1)
    done = await ask(model, asked(), scope)
    await journal.append(done.settlement)
    return done


async def settlements(journal: MemoryJournal) -> list[Settled]:
    return [one.event for one in await journal.read("run", [Settled])]


async def reply_of(model: Model, streams: bool, **changes: object) -> Reply:
    return await model.reply(asked(**changes), (lambda text: None) if streams else None)


@every_wire
@streamed_or_not
async def test_text_calls_and_tokens_come_over_the_wire(name: str, streams: bool) -> None:
    line = together(say("Let me look."), call("read", path="a.py"), call("read", path="ü \N{SNOWMAN}"))
    async with provider(name, [line]) as (model, server):
        reply = await reply_of(model, streams)
    assert reply.message.text == "Let me look."
    assert [one.args_as_dict() for one in reply.message.tool_calls] == [{"path": "a.py"}, {"path": "ü \N{SNOWMAN}"}]
    assert reply.usage.prompt_tokens == 100
    assert reply.usage.completion_tokens == 10
    assert server.complaints == []


@pytest.mark.parametrize(("name", "hour"), [("openai:gpt-6-sol", 0), ("anthropic:claude-sonnet-5", 20)])
@streamed_or_not
async def test_what_is_written_to_the_providers_cache_costs_its_own_price(name: str, hour: int, streams: bool) -> None:
    wrote = RequestUsage(input_tokens=100, cache_write_tokens=60, cache_write_1h_tokens=hour, output_tokens=10)
    async with provider(name, [replace(say("ok"), usage=wrote)]) as (model, _):
        reply = await reply_of(model, streams)
        price = model.card.price
    counted = Usage(prompt_tokens=100, completion_tokens=10, written_tokens=60, hour_tokens=hour)
    assert reply.usage == counted
    assert price is not None and price.cost_usd(counted) > price.cost_usd(
        Usage(prompt_tokens=100, completion_tokens=10)
    )


@streamed_or_not
async def test_reasoning_that_a_server_counts_in_the_total_alone_is_paid_for(streams: bool) -> None:
    counted = {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 155}
    chunks = [{**chunk, "usage": counted} if isinstance(chunk, dict) else chunk for chunk in chat_stream("")[-2:]]
    replies = [*chat_stream("ok", usage=None)[:-1], *chunks]
    async with upstream(lambda path, document: replies if streams else {**chat("ok"), "usage": counted}) as up:
        model = open_model(f"openai:m@{up.url}", catalog=Catalog(), env={})
        assert isinstance(model, ProviderModel)
        usage = (await reply_of(model, streams)).usage
        await model.close()
    assert (usage.prompt_tokens, usage.completion_tokens) == (50, 105)


@every_wire
async def test_the_most_tokens_are_always_sent_and_the_tools_with_their_schemas(name: str) -> None:
    async with provider(name, [say("ok")]) as (model, server):
        await model.reply(asked(max_tokens=321))
    text = str(server.requests[0].body)
    assert "321" in text
    assert "'read'" in text and "'path'" in text and "Read a file." in text


@every_wire
@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
async def test_a_passing_failure_is_tried_again_after_what_the_provider_asked_for(name: str, status: int) -> None:
    clock, journal = StillClock(), MemoryJournal()
    script = [Fault(status=status, retry_after="7"), Fault(status=status, retry_after="7"), say("ok")]
    begun = clock.now()
    async with provider(name, script) as (model, server):
        done = await paid(model, journal, clock)
    assert done.reply.message.text == "ok"
    assert len(server.requests) == 3
    assert 14 <= clock.now() - begun < 60
    events = await settlements(journal)
    assert [one.known for one in events] == [True, True, True]
    assert [one.actual.usd > 0 for one in events] == [False, False, True]
    kinds: Sequence[type[Event]] = (Reserved,)
    assert len({one.reservation for one in events}) == 3 >= len(await journal.read("run", kinds))


@every_wire
@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (401, "no", "check the key"),
        (403, "no", "check the key"),
        (404, "no such model", "check the model's name"),
        (400, "something is wrong with this", "cannot be sent as it is"),
    ],
)
async def test_a_lasting_failure_is_said_at_once(name: str, status: int, message: str, words: str) -> None:
    journal = MemoryJournal()
    async with provider(name, [Fault(status=status, message=f"{message} {SECRET}")]) as (model, server):
        with pytest.raises(ProviderFailed, match=words) as failed:
            await paid(model, journal)
    assert not isinstance(failed.value, OutcomeUnknown)
    assert SECRET not in str(failed.value)
    assert len(server.requests) == 1
    assert [one.actual.usd for one in await settlements(journal)] == [0.0]


@every_wire
@streamed_or_not
async def test_a_cut_answer_has_an_unknown_outcome(name: str, streams: bool) -> None:
    line = say("a long answer that is cut somewhere in the middle of it")
    async with provider(name, [Fault(reply=line, cut_after=2)]) as (model, _):
        with pytest.raises(OutcomeUnknown):
            await reply_of(model, streams)


@every_wire
async def test_a_stream_that_ends_too_early_in_good_order_is_no_answer(name: str) -> None:
    line = say("a long answer that is cut somewhere in the middle of it")
    async with provider(name, [Fault(reply=line, cut_after=3, quietly=True)]) as (model, _):
        with pytest.raises(OutcomeUnknown):
            await reply_of(model, True)


@every_wire
@streamed_or_not
async def test_a_slow_provider_is_given_up_and_the_call_counts_as_spent(name: str, streams: bool) -> None:
    async with provider(name, [Fault(silent=True)]) as (model, _):
        with pytest.raises(OutcomeUnknown, match=r"0\.2 seconds"):
            await reply_of(model, streams, timeout_seconds=0.2)


@every_wire
async def test_an_unknown_outcome_is_paid_at_its_worst_and_tried_again_once(name: str) -> None:
    journal = MemoryJournal()
    async with provider(name, [Fault(reply=say("cut"), cut_after=10), say("ok")]) as (model, _):
        done = await paid(model, journal)
    first, second = await settlements(journal)
    assert (first.known, second.known) == (False, True)
    assert first.actual.usd > second.actual.usd > 0
    assert done.cost_usd == pytest.approx(second.actual.usd)


async def test_a_provider_that_hangs_up_twice_is_not_asked_a_third_time() -> None:
    journal = MemoryJournal()
    script = [Fault(reply=say("cut"), cut_after=10)] * 2 + [say("too late")]
    async with provider("openai:gpt-4o-mini", script) as (model, server):
        with pytest.raises(OutcomeUnknown):
            await paid(model, journal)
    assert len(server.requests) == 2
    assert [one.known for one in await settlements(journal)] == [False, False]


async def test_nobody_there_is_not_paid_for() -> None:
    model = open_model("openai:any@http://127.0.0.1:9/v1", catalog=Catalog(), env={})
    with pytest.raises(ProviderFailed, match="cannot be reached") as failed:
        await model.reply(asked())
    assert failed.value.may_retry
    assert not isinstance(failed.value, OutcomeUnknown)
    assert isinstance(model, ProviderModel)
    await model.close()


async def test_a_setting_that_a_model_refuses_is_left_out_the_next_time() -> None:
    journal = MemoryJournal()
    script = [Fault(status=400, message="temperature does not support 0.5 with this model"), say("ok"), say("ok")]
    async with provider("openai:gpt-4o-mini", script) as (model, server):
        await paid(model, journal)
        await model.reply(asked())
    assert ["temperature" in one.body for one in server.requests] == [True, False, False]


@every_wire
async def test_keys_go_into_headers_and_nowhere_else(name: str) -> None:
    async with provider(name, [say("ok")]) as (model, server):
        await model.reply(asked())
    [request] = server.requests
    assert any(SECRET in value for value in request.headers.values())
    assert SECRET not in request.path and SECRET not in str(request.body)


async def test_no_more_calls_are_under_way_than_the_users_table_allows(tmp_path: object) -> None:
    from parcae.models.limits import Rates

    async with serving([say(str(number)) for number in range(8)], delay_seconds=0.01) as server:
        name = f"openai:mine@{server.url}/v1"
        model = open_model(name, catalog=Catalog(rates={name: Rates(concurrency=2)}), env={})
        scope = _free_scope()
        await asyncio.gather(*(ask(model, asked(), scope) for _ in range(8)))
        assert server.most_under_way == 2
        assert isinstance(model, ProviderModel)
        await model.close()


def _free_scope() -> Scope:
    from parcae.ledger.account import free_account

    return Scope(id="run", account=free_account("run"), journal=MemoryJournal(), clock=StillClock(), seed=1)
