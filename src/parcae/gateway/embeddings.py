"""`/v1/embeddings`: forwarded and billed. It belongs to no run.

https://platform.openai.com/docs/api-reference/embeddings (read 2026-11).
"""

from __future__ import annotations

from pydantic_core import from_json

from parcae.core.errors import OutcomeUnknown, ProviderFailed
from parcae.core.usage import Amount, Usage
from parcae.gateway.config import Key
from parcae.gateway.dialect import Document, field_of, hints, object_of
from parcae.gateway.forward import headers_for, worst_of
from parcae.gateway.http import JSON, Http
from parcae.gateway.openai_chat import usage_of
from parcae.gateway.purse import Held
from parcae.gateway.refusal import Refusal
from parcae.gateway.splice import splice
from parcae.gateway.state import Gateway
from parcae.gateway.targets import Target

PATH = "/v1/embeddings"


async def embed(gateway: Gateway, key: Key | None, http: Http, document: Document, body: bytes) -> None:
    """Forward the request to the first rung of its model that may be used.

    Raises:
        Refusal: 400 for what is malformed, 402, 403, 404, and 502 where the upstream is down.
    """
    virtual = gateway.virtual(str(field_of(document, "model", str, required=True)), key)
    if document.get("input") is None:
        raise Refusal(400, "invalid_request", "missing_field", "`input` is missing")
    said = hints(document)
    private = virtual.private or (key is not None and key.private)
    private = private or (http.header(b"x-parcae-private") or said.get("private", "")).lower() in ("1", "true", "yes")
    target = gateway.ladder(virtual, private=private)[0]
    if target.upstream is None or target.upstream.family != "openai":
        raise Refusal(400, "invalid_request", "no_embeddings", f"{target.name!r} makes no embeddings")
    task = http.header(b"x-parcae-task") or said.get("task") or "embeddings"
    purse = await gateway.bank.purse(key, task, "embeddings", virtual.stage.limits)
    worst = worst_of(purse, target, prompt_tokens=len(body), completion_tokens=0)
    held = await purse.reserve(worst, model=target.name)
    try:
        await target.gate.enter()
    except BaseException:
        gateway.recorder.put(held.settle(Amount()))
        raise
    try:
        await _forward(gateway, http, target, held, splice(body, document, {"model": target.model}))
    except ProviderFailed as error:
        if not isinstance(error, OutcomeUnknown):
            gateway.recorder.put(held.settle(Amount(calls=1)))
        raise Refusal(502, "upstream", "upstream_unavailable", str(error), may_retry=error.may_retry) from None
    finally:
        target.gate.leave()
        gateway.recorder.put(held.settle(None))


async def _forward(gateway: Gateway, http: Http, target: Target, held: Held, body: bytes) -> None:
    upstream = target.upstream
    assert upstream is not None
    answer = await gateway.client.send(
        "POST", f"{upstream.base_url}/embeddings", headers_for(http, upstream), body, upstream=upstream
    )
    try:
        found = await answer.read()
    finally:
        answer.close()
    if answer.status >= 400:
        gateway.recorder.put(held.settle(Amount(calls=1)))
        if answer.status in (401, 403):
            raise Refusal(
                502, "upstream", "upstream_key", f"the upstream refused the gateway's own key ({answer.status})"
            )
        await http.respond(answer.status, [JSON], found)
        return
    try:
        usage = usage_of(object_of(from_json(found)).get("usage"))
    except ValueError:
        raise OutcomeUnknown(f"the reply of {target.name} is not JSON") from None
    cost_usd = None if usage is None or target.card.price is None else target.card.price.cost_usd(usage)
    gateway.metrics.used(target.name, usage or Usage(), cost_usd)
    gateway.recorder.put(held.settle(None if usage is None else _actual(usage, cost_usd)))
    headers = [JSON, (b"x-parcae-model", target.name.encode("latin-1", "replace"))]
    if cost_usd is not None:
        headers.append((b"x-parcae-cost-usd", f"{cost_usd:.9f}".encode()))
    await http.respond(answer.status, headers, found)


def _actual(usage: Usage, cost_usd: float | None) -> Amount:
    return Amount(usd=cost_usd or 0.0, tokens=usage.prompt_tokens + usage.completion_tokens, calls=1)
