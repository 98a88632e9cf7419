"""The gateway as an ASGI application: the chat endpoints bare, everything else through Starlette."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from parcae.core.errors import ParcaeError
from parcae.gateway.anthropic_messages import AnthropicMessages
from parcae.gateway.dialect import Dialect, parse
from parcae.gateway.embeddings import PATH, embed
from parcae.gateway.follow import follow, goes_on
from parcae.gateway.forward import Exchange, forward
from parcae.gateway.http import JSON, ASGIMessage, Gone, Header, Http, Receive, Send
from parcae.gateway.openai_chat import OpenAIChat
from parcae.gateway.openai_responses import OpenAIResponses
from parcae.gateway.readings import whole
from parcae.gateway.refusal import Refusal
from parcae.gateway.state import Gateway
from parcae.gateway.stopped import answer_stopped

_log = logging.getLogger("parcae.gateway")
DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": OpenAIChat(),
    "/v1/responses": OpenAIResponses(),
    "/v1/messages": AnthropicMessages(),
}
_EMBEDDINGS = OpenAIChat()  # its errors are written in the same shape
App = Callable[[ASGIMessage, Receive, Send], Awaitable[None]]


class Application:
    """Bare ASGI. `rest` serves every path that is not a chat endpoint.

    `straight` holds the URLs whose requests of up to `most_bytes` may be given to `answer` without ASGI, by their path.
    """

    def __init__(self, gateway: Gateway, rest: App) -> None:
        self._gateway, self._rest = gateway, rest
        self.most_bytes = gateway.config.bounds.body_bytes
        self._paths = frozenset((*DIALECTS, PATH))
        self.straight = {path.encode(): path for path in self._paths}

    async def __call__(self, scope: ASGIMessage, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._paths:
            await self.answer(Http(scope, receive, send))
            return
        await self._rest(scope, receive, send)

    async def answer(self, http: Http) -> None:
        """A POST to one of the paths of `straight`."""
        dialect = DIALECTS.get(http.path, _EMBEDDINGS)
        metrics, began, status = self._gateway.metrics, time.perf_counter(), 200
        metrics.in_flight += 1
        try:
            await _exchange(self._gateway, dialect, http)
        except Refusal as refusal:
            status = refusal.status
            await _refuse(dialect, http, refusal)
        except Gone:
            status = 499
            metrics.disconnects += 1
        except ParcaeError as error:
            status = 503
            _log.exception("a request failed")
            await _refuse(dialect, http, Refusal(503, "upstream", "unavailable", str(error), may_retry=True))
        except Exception:
            status = 500
            _log.exception("a request failed")
            if not http.started:
                await _refuse(dialect, http, Refusal(500, "upstream", "internal", "the gateway failed; see its log"))
            else:
                raise
        finally:
            metrics.in_flight -= 1
            seconds = time.perf_counter() - began
            metrics.took(http.path, status, seconds)
            if self._gateway.log is not None:
                self._gateway.log({"path": http.path, "status": status, "seconds": round(seconds, 6), **http.about})


async def _exchange(gateway: Gateway, dialect: Dialect, http: Http) -> None:
    key = gateway.keyring.check(http)
    body = await http.body(gateway.config.bounds.body_bytes)
    if dialect is _EMBEDDINGS:
        await http.while_listening(embed(gateway, key, http, parse(body), body))
        return
    reading = gateway.readings.read(dialect, body, "" if key is None else key.name)
    if gateway.recorder.failed is not None:
        raise Refusal(503, "upstream", "store_failed", str(gateway.recorder.failed), may_retry=True)
    await gateway.recorder.room()
    place = gateway.recorder.put_so_far
    followed = goes_on(gateway, key, dialect, reading, http)
    if followed is None:
        if reading.asked.before is not None:
            reading = whole(dialect, body)._replace(gap=reading.gap)
        followed = follow(gateway, key, dialect, reading, http)
    told, told_up_to = gateway.recorder.since(place), gateway.recorder.put_so_far
    run, asked = followed.run, reading.asked
    if gateway.log is not None:
        placed = followed.placed
        http.about = {
            "key": None if key is None else key.name,
            "run": run.name,
            "step": placed.step,
            "evidence": placed.evidence,
            "asked": asked.model,
            "answered_by": run.target.name,
            "stream": asked.stream,
        }
    exchange = Exchange(
        gateway=gateway,
        http=http,
        dialect=dialect,
        asked=asked,
        document=reading.document,
        body=body,
        gap=reading.gap,
        followed=followed,
        purse=await gateway.bank.purse(key, run.task, run.name, run.virtual.stage.limits),
        began=gateway.clock.now(),
        told=told,
        told_up_to=told_up_to,
    )
    if run.stopped is not None:
        await answer_stopped(exchange, run.stopped)
        return
    await http.while_listening(forward(exchange))


async def _refuse(dialect: Dialect, http: Http, refusal: Refusal) -> None:
    if http.started:
        await http.write(dialect.refuse_midway(refusal))
        await http.end()
        return
    await http.respond(refusal.status, [JSON, *_advice(refusal)], dialect.refuse(refusal))


def _advice(refusal: Refusal) -> list[Header]:
    headers: list[Header] = [(b"x-should-retry", b"true" if refusal.may_retry else b"false")]
    if refusal.retry_after_seconds is not None:
        headers.append((b"retry-after", str(max(1, round(refusal.retry_after_seconds))).encode()))
    return headers
