"""From a run's rung to a response: reserve, send, retry, fail over, pass the answer through, settle.

A call is tried again only while nothing of it has reached the client. Knows nothing of how runs are identified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parcae.core.errors import OutcomeUnknown, ProviderFailed
from parcae.core.events import StepReplied
from parcae.core.protocols import Event
from parcae.core.usage import Amount, Usage
from parcae.gateway.dialect import Asked, Dialect, Document, Said
from parcae.gateway.events import GatewayServed
from parcae.gateway.follow import Followed
from parcae.gateway.http import JSON, Header, Http
from parcae.gateway.purse import ONE_CALL, Held, Purse, worst_case
from parcae.gateway.refusal import Refusal
from parcae.gateway.runs import Pending
from parcae.gateway.splice import splice
from parcae.gateway.state import Gateway
from parcae.gateway.targets import Target
from parcae.gateway.upstream import Answer
from parcae.models.bounds import REQUEST_TOKENS, TOOLS_TOKENS

RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
_PASSED = ("x-stainless-retry-count", "anthropic-version", "anthropic-beta", "openai-beta", "idempotency-key")
_RETURNED = ("retry-after", "x-request-id", "request-id", "openai-processing-ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request on its way: who asks, in which protocol, as part of which run."""

    gateway: Gateway
    http: Http
    dialect: Dialect
    asked: Asked
    document: Document
    body: bytes
    followed: Followed
    purse: Purse
    began: float


class _Down(Exception):  # a signal from one try to the loop of tries
    """This try failed before anything reached the client."""

    def __init__(self, why: str, answer: tuple[int, Sequence[Header], bytes] | None, *, may_retry: bool) -> None:
        super().__init__(why)
        self.why, self.answer, self.may_retry = why, answer, may_retry


async def forward(exchange: Exchange) -> None:
    """Answer the request from the run's rung, or from a later one where that is down.

    Raises:
        Refusal: no money, no place in the queue, or every rung is down.
    """
    identities = exchange.gateway.runs.identities(exchange.followed.key)
    try:
        await _forward(exchange)
    finally:
        identities.failed(exchange.followed.run.name)  # nothing if it was answered


async def _forward(exchange: Exchange) -> None:
    run, gateway = exchange.followed.run, exchange.gateway
    down: _Down | None = None
    for rung in range(run.rung, len(run.ladder) if run.virtual.failover else run.rung + 1):
        if down is not None:
            gateway.metrics.failovers += 1
        target = run.ladder[rung]
        for left in range(target.upstream.retries if target.upstream else 0, -1, -1):
            try:
                await _once(exchange, target, rung)
                return
            except _Down as error:
                down = error
                gateway.metrics.upstream_errors[target.name.partition(":")[0]] += 1
                if not error.may_retry or not left:
                    break
    assert down is not None
    if down.answer is not None:
        await exchange.http.respond(down.answer[0], [*down.answer[1], *verdict(exchange)], down.answer[2])
        return
    raise Refusal(502, "upstream", "upstream_unavailable", f"{down.why}; try again later", may_retry=True)


async def _once(exchange: Exchange, target: Target, rung: int) -> None:
    held = await _reserve(exchange, target)
    put = exchange.gateway.recorder.put
    try:
        await target.gate.enter()
    except BaseException:
        put(held.settle(Amount()))
        raise
    try:
        if target.takes(exchange.dialect.family):
            await _through(exchange, target, rung, held)
        else:
            from parcae.gateway.translated import answer_here

            await answer_here(exchange, target, rung, held)
    except OutcomeUnknown as error:
        raise _Down(str(error), None, may_retry=True) from None
    except ProviderFailed as error:
        put(held.settle(Amount(calls=1)))
        raise _Down(str(error), None, may_retry=error.may_retry) from None
    finally:
        target.gate.leave()
        put(held.settle(None))  # nothing if it was settled: what was cut off is booked at its worst case


async def _reserve(exchange: Exchange, target: Target) -> Held:
    limited = exchange.purse.limited
    if not limited:
        return await exchange.purse.reserve(ONE_CALL, model=target.name)
    if "usd" in limited and target.card.price is None:
        raise Refusal(
            402,
            "no_budget",
            "no_price",
            f"no price is known for {target.name!r}, so a budget in dollars cannot hold; name it in [prices]",
        )
    asked = exchange.asked
    tokens = REQUEST_TOKENS + TOOLS_TOKENS + len(exchange.body) + asked.bound_tokens
    worst = worst_case(
        target.card,
        prompt_tokens=tokens,
        completion_tokens=max_tokens(exchange) * asked.choices,
        seconds=target.upstream.timeout_seconds if target.upstream else 600.0,
    )
    return await exchange.purse.reserve(worst, model=target.name)


def max_tokens(exchange: Exchange) -> int:
    """The most that the reply may hold, by the client, else by the virtual model, else by the gateway."""
    virtual = exchange.followed.run.virtual
    bound = virtual.max_tokens or exchange.gateway.config.bounds.default_max_tokens
    return exchange.asked.max_tokens or bound


async def _through(exchange: Exchange, target: Target, rung: int, held: Held) -> None:
    """The same protocol on both sides: the bytes go through."""
    upstream, dialect = target.upstream, exchange.dialect
    assert upstream is not None
    missing = exchange.asked.max_tokens is None and bool(exchange.purse.limited)
    edits = dialect.edits(exchange.document, model=target.model, max_tokens=max_tokens(exchange) if missing else None)
    answer = await exchange.gateway.client.send(
        "POST",
        upstream.base_url + dialect.path,
        _headers(exchange, target),
        splice(exchange.body, exchange.document, edits),
        upstream=upstream,
    )
    try:
        if answer.status >= 400:
            await _failed(exchange, answer, held)
        elif answer.headers.get("content-type", "").startswith("text/event-stream"):
            await _stream(exchange, target, rung, held, answer)
        else:
            await _whole(exchange, target, rung, held, answer)
    finally:
        answer.close()


def _headers(exchange: Exchange, target: Target) -> dict[str, str]:
    upstream = target.upstream
    assert upstream is not None
    headers = {"content-type": "application/json", "accept-encoding": "identity", **upstream.headers}
    if upstream.key:
        if upstream.family == "anthropic":
            headers["x-api-key"] = upstream.key
        else:
            headers["authorization"] = f"Bearer {upstream.key}"
    for name in _PASSED:
        value = exchange.http.header(name.encode())
        if value:
            headers[name] = value
    if upstream.family == "anthropic":
        headers.setdefault("anthropic-version", "2023-06-01")
    return headers


async def _failed(exchange: Exchange, answer: Answer, held: Held) -> None:
    """An error of the upstream: tried again where that may help, else the client's to read."""
    try:
        body = await answer.read()
    except OutcomeUnknown:
        body = b"{}"
    exchange.gateway.recorder.put(held.settle(Amount(calls=1)))
    if answer.status in (401, 403):  # our key, not the client's: what the upstream says about it is ours to read
        raise Refusal(502, "upstream", "upstream_key", f"the upstream refused the gateway's own key ({answer.status})")
    headers = [JSON, *(_kept(answer))]
    if answer.status in RETRIED:
        raise _Down(f"the upstream answered {answer.status}", (answer.status, headers, body), may_retry=True)
    await exchange.http.respond(answer.status, [*headers, *verdict(exchange)], body)


async def _whole(exchange: Exchange, target: Target, rung: int, held: Held, answer: Answer) -> None:
    body = await answer.read()
    try:
        from pydantic_core import from_json

        document = from_json(body)
    except ValueError:
        raise OutcomeUnknown("the upstream's reply is not JSON") from None
    said = exchange.dialect.reply(document if isinstance(document, dict) else {})
    finish(exchange, target, rung, held, said)
    await exchange.http.respond(answer.status, [JSON, *_kept(answer), *verdict(exchange, target)], body)


async def _stream(exchange: Exchange, target: Target, rung: int, held: Held, answer: Answer) -> None:
    http, listener = exchange.http, exchange.dialect.listen(exchange.asked)
    try:
        async for chunk in answer.chunks():
            out = listener.feed(chunk)
            if not http.started:
                kind = (b"content-type", answer.headers["content-type"].encode("latin-1"))
                await http.start(answer.status, [kind, *_kept(answer), *verdict(exchange, target)])
            if out:
                await http.write(out)
        if not listener.complete:
            raise OutcomeUnknown("the upstream's stream was cut")
    except (OutcomeUnknown, ValueError) as error:
        if not http.started:
            raise OutcomeUnknown(str(error), may_retry=True) from None
        exchange.gateway.metrics.upstream_errors[target.name.partition(":")[0]] += 1
        refusal = Refusal(502, "upstream", "stream_cut", f"{error}; the reply is incomplete", may_retry=True)
        await http.write(exchange.dialect.refuse_midway(refusal))
        await http.end()
        return
    finish(exchange, target, rung, held, listener.said())
    await http.end()


def _kept(answer: Answer) -> list[Header]:
    return [(name.encode(), answer.headers[name].encode("latin-1")) for name in _RETURNED if name in answer.headers]


def finish(exchange: Exchange, target: Target, rung: int, held: Held, said: Said) -> None:
    """The reply is whole: settle, and remember what the next request is expected to extend."""
    gateway, run, placed = exchange.gateway, exchange.followed.run, exchange.followed.placed
    cost_usd = None if said.usage is None or target.card.price is None else target.card.price.cost_usd(said.usage)
    events: list[Event] = list(held.settle(_actual(exchange, said.usage, cost_usd)))
    if rung > run.rung:
        run.rung = rung  # an upstream was down: the run stays where it was answered
    run.cost_usd = None if run.cost_usd is None or cost_usd is None else run.cost_usd + cost_usd
    if run.would_stop:
        gateway.metrics.would_save_usd += cost_usd or 0.0
    usage = said.usage or Usage()
    gateway.metrics.tokens[target.name, "prompt"] += usage.prompt_tokens
    gateway.metrics.tokens[target.name, "completion"] += usage.completion_tokens
    gateway.metrics.cost_usd[target.name] = gateway.metrics.cost_usd.get(target.name, 0.0) + (cost_usd or 0.0)
    run.pending = Pending(step=placed.step, said=said, model=target.name, cost_usd=cost_usd)
    key = exchange.followed.key
    marks = gateway.runs.identities(key).served(run.name, exchange.dialect.message(said))
    if gateway.keeps_steps:
        events.append(_replied(exchange, target, said, cost_usd))
    events.append(
        GatewayServed(
            scope=run.scope,
            key="open" if key is None else key.name,
            task=run.task,
            run=run.name,
            step=placed.step,
            virtual=run.virtual.name,
            evidence=placed.evidence,
            asked=marks.asked.hex(),
            served=marks.served.hex(),
            said=marks.said.hex(),
            call_ids=tuple(call.id for call in said.calls),
            rung=run.rung,
            private=run.private,
            forked_from=placed.forked_from,
        )
    )
    gateway.recorder.put(events)


def _actual(exchange: Exchange, usage: Usage | None, cost_usd: float | None) -> Amount | None:
    """What is spent; None, the worst case, where the upstream did not count and somebody has to know."""
    if usage is None:
        return None if exchange.purse.limited else ONE_CALL
    return Amount(
        usd=cost_usd or 0.0,
        tokens=usage.prompt_tokens + usage.completion_tokens,
        calls=1,
        seconds=max(exchange.gateway.clock.now() - exchange.began, 0.0),
    )


def _replied(exchange: Exchange, target: Target, said: Said, cost_usd: float | None) -> StepReplied:
    from parcae.gateway.steps import step_of

    step = step_of(said, (), model=target.name)
    assert step.reply is not None
    return StepReplied(
        scope=exchange.followed.run.scope,
        step=exchange.followed.run.completed,
        model=target.name,
        reply=step.reply,
        usage=said.usage or Usage(),
        cost_usd=cost_usd,
    )


def verdict(exchange: Exchange, target: Target | None = None) -> list[Header]:
    """What the gateway thinks of the run, as response headers. The cost is the run's so far."""
    run, placed = exchange.followed.run, exchange.followed.placed
    headers = [
        (b"x-parcae-run", run.name.encode()),
        (b"x-parcae-task", run.task.encode()),
        (b"x-parcae-step", str(placed.step).encode()),
        (b"x-parcae-evidence", placed.evidence.encode()),
        (b"x-parcae-model", (target or run.target).name.encode("latin-1", "replace")),
    ]
    if run.forecast is not None:
        headers.append((b"x-parcae-forecast", f"{run.forecast.p_fail:.3f}".encode()))
    if run.cost_usd is not None:
        headers.append((b"x-parcae-cost-usd", f"{run.cost_usd:.9f}".encode()))
    return headers
