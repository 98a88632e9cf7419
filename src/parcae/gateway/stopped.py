"""What a run hears that its forecast has stopped. Knows nothing of why."""

from __future__ import annotations

import secrets

from parcae.core.usage import Usage
from parcae.gateway.dialect import Said
from parcae.gateway.forward import Exchange, verdict
from parcae.gateway.http import JSON, Header
from parcae.gateway.refusal import Refusal

_EVENTS: Header = (b"content-type", b"text/event-stream; charset=utf-8")


async def answer_stopped(exchange: Exchange, why: str) -> None:
    """A final message that costs nothing, where the virtual model says so; else raises Refusal (422)."""
    run, http, dialect = exchange.followed.run, exchange.http, exchange.dialect
    sentence = f"stopped by its forecast: {why}"
    if run.virtual.stop == "error":
        raise Refusal(
            422, "stopped", "predicted_failure", f"run {run.name} was {sentence}; start it anew, or ask a person"
        )
    said = Said(text=f"I stop here: this run was {sentence}.", usage=Usage())
    reply_id, model = secrets.token_hex(12), exchange.asked.model
    if not exchange.asked.stream:
        await http.respond(200, [JSON, *verdict(exchange)], dialect.write(said, model=model, reply_id=reply_id))
        return
    await http.start(200, [_EVENTS, *verdict(exchange)])
    writer = dialect.writer(model=model, reply_id=reply_id, wants_usage=exchange.asked.wants_usage)
    await http.write(writer.end(said))
    await http.end()
