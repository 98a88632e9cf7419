"""From a run's rung to a response: reserve, send, retry, fail over, pass the answer through, settle.

A call is tried again only while nothing of it has reached the client. Knows nothing of how runs are identified.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic_core import from_json

from parcae.core.errors import OutcomeUnknown, ProviderFailed
from parcae.core.protocols import Event
from parcae.core.usage import Amount, Usage
from parcae.gateway.dialect import Asked, Dialect, Document, Said, dearer_in, tools_bound
from parcae.gateway.follow import Followed
from parcae.gateway.http import JSON, Header, Http
from parcae.gateway.lines import replied, served, settled
from parcae.gateway.purse import ONE_CALL, Held, Purse, unpriced, worst_case
from parcae.gateway.readings import Gap
from parcae.gateway.refusal import Kind, Refusal
from parcae.gateway.runs import Pending
from parcae.gateway.splice import splice
from parcae.gateway.state import Gateway
from parcae.gateway.targets import Target
from parcae.gateway.upstream import Answer, Upstream
from parcae.models.bounds import REQUEST_TOKENS, TOOLS_TOKENS

RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
LATE = frozenset({408, 504})  # somebody gave up waiting: the model may have gone on, and billed
_FIRST_WAIT_SECONDS, _PATIENCE_SECONDS = 0.1, 2.0  # longer than that the client may as well wait itself
_DOWN_SECONDS = 5.0  # an upstream that failed so long ago is tried first again
_PASSED = tuple(
    (name, name.encode())
    for name in ("x-stainless-retry-count", "anthropic-version", "anthropic-beta", "openai-beta", "idempotency-key")
)
_KINDS: dict[int, Kind] = {404: "not_found", 413: "too_large", 429: "busy"}
_RETURNED = ("retry-after", "x-request-id", "request-id", "openai-processing-ms")


class Exchange(NamedTuple):
    """One request on its way: who asks, in which protocol, as part of which run; its messages stand in the `gap`."""

    gateway: Gateway
    http: Http
    dialect: Dialect
    asked: Asked
    document: Document
    body: bytes
    gap: Gap | None
    followed: Followed
    purse: Purse
    began: float
    told: Sequence[Event] = ()  # what the journal was told when the request was followed
    told_up_to: int = 0  # as the recorder counts


class _Down(Exception):  # a signal from one try to the loop of tries
    """This try failed before anything reached the client."""

    def __init__(
        self,
        why: str,
        answer: tuple[int, Sequence[Header], bytes] | None = None,
        *,
        may_retry: bool,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(why)
        self.why, self.answer, self.may_retry = why, answer, may_retry
        self.retry_after_seconds = retry_after_seconds


async def forward(exchange: Exchange) -> None:
    """Answer the request from the run's rung, or from another one where that is down.

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
    for rung in _rungs(exchange):
        if rung != run.rung:
            gateway.metrics.failovers += 1
        failed = await _tries(exchange, run.ladder[rung])
        if failed is None:
            return
        if down is None or failed.may_retry or not down.may_retry:
            down = failed
    assert down is not None
    if down.answer is not None:
        await exchange.http.respond(down.answer[0], [*down.answer[1], *verdict(exchange)], down.answer[2])
        return
    raise Refusal(
        502,
        "upstream",
        "upstream_unavailable",
        f"{down.why}; try again later" if down.may_retry else down.why,
        may_retry=down.may_retry,
        retry_after_seconds=down.retry_after_seconds,
    )


def _rungs(exchange: Exchange) -> Sequence[int]:
    """The run's rung, then the stronger ones, then the weaker ones; what failed a moment ago comes last."""
    run, now = exchange.followed.run, exchange.gateway.clock.now()
    if not run.virtual.failover or len(run.ladder) == 1:
        return (run.rung,)
    order = [*range(run.rung, len(run.ladder)), *range(run.rung - 1, -1, -1)]
    return sorted(order, key=lambda rung: run.ladder[rung].gate.down_until > now)


async def _tries(exchange: Exchange, target: Target) -> _Down | None:
    """Try one rung as often as its upstream allows; None once it has answered."""
    gateway = exchange.gateway
    left = target.upstream.retries if target.upstream else 0
    wait_seconds = _FIRST_WAIT_SECONDS
    while True:
        try:
            await _once(exchange, target)
            target.gate.down_until = 0.0
            return None
        except _Down as down:
            gateway.metrics.upstream_errors[target.name.partition(":")[0]] += 1
            pause = max(wait_seconds, down.retry_after_seconds or 0.0)
            if not down.may_retry or not left or pause > _PATIENCE_SECONDS:
                if down.may_retry:
                    target.gate.down_until = gateway.clock.now() + _DOWN_SECONDS
                return down
        left, wait_seconds = left - 1, 2 * wait_seconds
        await gateway.clock.sleep(pause)


async def _once(exchange: Exchange, target: Target) -> None:
    held = await _reserve(exchange, target)
    put = exchange.gateway.recorder.put
    try:
        await target.gate.enter()
    except BaseException:
        put(held.settle(Amount()))
        raise
    try:
        if target.takes(exchange.dialect):
            await _through(exchange, target, held)
        else:
            from parcae.gateway.translated import answer_here

            await answer_here(exchange, target, held)
    except OutcomeUnknown as error:
        raise _Down(str(error), may_retry=True, retry_after_seconds=error.retry_after_seconds) from None
    except ProviderFailed as error:
        put(held.settle(Amount(calls=1)))
        raise _Down(str(error), may_retry=error.may_retry, retry_after_seconds=error.retry_after_seconds) from None
    finally:
        target.gate.leave()
        put(held.settle(None))  # nothing if it was settled: what was cut off is booked at its worst case


async def _reserve(exchange: Exchange, target: Target) -> Held:
    asked, document, body = exchange.asked, exchange.document, exchange.body
    if "usd" in exchange.purse.limited and not target.card.local and (dearer := dearer_in(document, body)):
        what = f"{dearer} has a price of its own that is not known here"
        raise unpriced(what, "leave it out, or limit this key in tokens")
    worst = worst_of(
        exchange.purse,
        target,
        prompt_tokens=REQUEST_TOKENS + TOOLS_TOKENS + len(body) + asked.bound_tokens + tools_bound(document),
        completion_tokens=max_tokens(exchange) * asked.choices,
    )
    return await exchange.purse.reserve(worst, model=target.name)


def worst_of(purse: Purse, target: Target, *, prompt_tokens: int, completion_tokens: int) -> Amount:
    """What to set aside for a call. Raises Refusal (402) where dollars are limited and no price is known."""
    if not purse.limited:
        return ONE_CALL
    if "usd" in purse.limited and target.card.price is None:
        raise unpriced(f"no price is known for {target.name!r}", "name it in [prices]")
    return worst_case(
        target.card,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        seconds=target.upstream.timeout_seconds if target.upstream else 600.0,
    )


def max_tokens(exchange: Exchange) -> int:
    """The most that the reply may hold, by the client, else by the virtual model, else by the gateway."""
    virtual = exchange.followed.run.virtual
    bound = virtual.max_tokens or exchange.gateway.config.bounds.default_max_tokens
    return exchange.asked.max_tokens or bound


async def _through(exchange: Exchange, target: Target, held: Held) -> None:
    """The same protocol on both sides: the bytes go through."""
    upstream, dialect = target.upstream, exchange.dialect
    assert upstream is not None
    missing = exchange.asked.max_tokens is None and bool(exchange.purse.limited)
    bound = max_tokens(exchange) if missing else None
    edits = dialect.edits(exchange.document, model=target.model, max_tokens=bound, at_openai=upstream.name == "openai")
    answer = await exchange.gateway.client.send(
        "POST",
        upstream.base_url + dialect.path,
        headers_for(exchange.http, upstream),
        splice(exchange.body, exchange.document, edits, exchange.gap),
        upstream=upstream,
    )
    try:
        if answer.status >= 300:
            await _failed(exchange, target, answer, held)
        elif answer.headers.get("content-type", "").startswith("text/event-stream"):
            await _stream(exchange, target, held, answer)
        else:
            await _whole(exchange, target, held, answer)
    finally:
        answer.close()


def headers_for(http: Http, upstream: Upstream) -> dict[str, str]:
    """What the upstream gets: its own key, never the client's, and the few fields that are the client's to set."""
    headers = {"content-type": "application/json", "accept-encoding": "identity", **upstream.headers}
    if upstream.key:
        if upstream.family == "anthropic":
            headers["x-api-key"] = upstream.key
        else:
            headers["authorization"] = f"Bearer {upstream.key}"
    for name, wire_name in _PASSED:
        value = http.header(wire_name)
        if value:
            headers[name] = value
    if upstream.family == "anthropic":
        headers.setdefault("anthropic-version", "2023-06-01")
    return headers


async def _failed(exchange: Exchange, target: Target, answer: Answer, held: Held) -> None:
    """An error of the upstream: tried again where that may help, else the client's to read."""
    try:
        body = await answer.read()
    except OutcomeUnknown:
        body = b"{}"
    if answer.status not in LATE:
        exchange.gateway.recorder.put(held.settle(Amount(calls=1)))
    if answer.status in (401, 403):  # our key, not the client's: what the upstream says about it is ours to read
        raise _Down(f"{target.name.partition(':')[0]} refused the gateway's own key ({answer.status})", may_retry=False)
    if answer.status < 400:
        raise _Down(f"{target.name} redirects ({answer.status}); its base_url is another address", may_retry=False)
    headers = [JSON, *_kept(answer)]
    if not _is_object(body):
        body = exchange.dialect.refuse(_unsaid(target, answer.status))
    if answer.status in RETRIED:
        raise _Down(
            f"the upstream answered {answer.status}",
            (answer.status, headers, body),
            may_retry=True,
            retry_after_seconds=_seconds(answer.headers.get("retry-after", "")),
        )
    await exchange.http.respond(answer.status, [*headers, *verdict(exchange)], body)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(from_json(body), dict)
    except ValueError:
        return False


def _unsaid(target: Target, status: int) -> Refusal:
    """An error that something before the model answered: a page of a proxy, or nothing."""
    kind: Kind = "upstream" if status >= 500 else _KINDS.get(status, "invalid_request")
    return Refusal(
        status, kind, "upstream_error", f"the upstream of {target.name} answered {status} without saying why"
    )


def _seconds(retry_after: str) -> float | None:
    try:
        return max(float(retry_after), 0.0)
    except ValueError:  # a date, or nothing
        return None


async def _whole(exchange: Exchange, target: Target, held: Held, answer: Answer) -> None:
    body = await answer.read()
    try:
        document = from_json(body)
    except ValueError:
        raise OutcomeUnknown(f"the reply of {target.name} is not JSON") from None
    said = exchange.dialect.reply(document if isinstance(document, dict) else {})
    await finish(exchange, target, held, said)
    await exchange.http.respond(answer.status, [JSON, *_kept(answer), *verdict(exchange, target)], body)


async def _stream(exchange: Exchange, target: Target, held: Held, answer: Answer) -> None:
    http, listener = exchange.http, exchange.dialect.listen(exchange.asked)
    finished = False

    async def passed_on(out: bytes) -> None:
        nonlocal finished
        if listener.complete and not finished:
            finished = True  # before the end reaches the client, who may go on with it at once
            await finish(exchange, target, held, listener.said())
        if not http.started:
            kind = (b"content-type", answer.headers["content-type"].encode("latin-1"))
            await http.start(answer.status, [kind, *_kept(answer), *verdict(exchange, target)])
        if out:
            await http.write(out)

    try:
        async for chunk in answer.chunks():
            await passed_on(listener.feed(chunk))
        rest = b"" if finished else listener.end()
        if listener.complete:
            await passed_on(rest)
        else:
            raise OutcomeUnknown(f"the stream of {target.name} was cut")
    except (OutcomeUnknown, ValueError) as error:
        if not http.started:
            raise OutcomeUnknown(str(error), may_retry=True) from None
        if not finished:
            exchange.gateway.metrics.upstream_errors[target.name.partition(":")[0]] += 1
            refusal = Refusal(502, "upstream", "stream_cut", f"{error}; the reply is incomplete", may_retry=True)
            await http.write(exchange.dialect.refuse_midway(refusal))
    await http.end()


def _kept(answer: Answer) -> list[Header]:
    return [(name.encode(), answer.headers[name].encode("latin-1")) for name in _RETURNED if name in answer.headers]


async def finish(exchange: Exchange, target: Target, held: Held, said: Said) -> None:
    """The reply is whole: settle, and remember what the next request is expected to extend.

    When this returns no crash of the process forgets it: it lies in the table of calls under way, or in the journal.
    """
    gateway, run, placed = exchange.gateway, exchange.followed.run, exchange.followed.placed
    cost_usd = None if said.usage is None or target.card.price is None else target.card.price.cost_usd(said.usage)
    lines: list[Event] = [settled(one) for one in held.settle(_actual(exchange, said.usage, cost_usd))]
    run.cost_usd = None if run.cost_usd is None or cost_usd is None else run.cost_usd + cost_usd
    if run.would_stop:
        gateway.metrics.would_save_usd += cost_usd or 0.0
    gateway.metrics.used(target.name, said.usage or Usage(), cost_usd)
    run.pending = Pending(step=placed.step, said=said, model=target.name, cost_usd=cost_usd)
    key = exchange.followed.key
    marks = gateway.runs.identities(key).served(run.name, exchange.dialect.message(said))
    if gateway.keeps_steps:
        lines.append(replied(run.scope, run.completed, target.name, said, at=gateway.clock.now(), cost_usd=cost_usd))
    owner = "open" if key is None else key.name
    calls = tuple(call.id for call in said.calls)
    lines.append(served(run, placed, marks, owner=owner, call_ids=calls))
    gateway.recorder.put(lines)
    told = () if gateway.recorder.written >= exchange.told_up_to else exchange.told
    if not held.keep((*told, *lines)):
        await gateway.recorder.flush()


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
