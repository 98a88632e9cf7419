"""Answers a request with a model that does not take its bytes: one of this process, or of another protocol.

The conversation is mapped to the product's own messages and back. What a client asks beyond messages, tools, bounds,
temperature and stop sequences is passed over here, but a JSON schema for the answer is said to the model in words.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from parcae.core.errors import CallerMistake, ParcaeError
from parcae.core.protocols import Reply, Request
from parcae.gateway.dialect import Asked, Call, Dialect, Document, Said, dumps, object_of
from parcae.gateway.forward import Exchange, finish, max_tokens, verdict
from parcae.gateway.http import JSON, Header
from parcae.gateway.purse import Held
from parcae.gateway.refusal import Refusal
from parcae.gateway.shown import shown
from parcae.gateway.stops import Until, stops_of
from parcae.gateway.targets import Target

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelRequestPart, ModelResponse

_EVENTS: Header = (b"content-type", b"text/event-stream; charset=utf-8")


async def answer_here(exchange: Exchange, target: Target, held: Held) -> None:
    """Ask the target's Model and write its reply in the client's protocol.

    Raises:
        ProviderFailed, OutcomeUnknown: as Model.reply does; nothing has reached the client then.
    """
    try:
        model = exchange.gateway.targets.model(target)
    except CallerMistake as error:
        raise Refusal(502, "upstream", "model_unavailable", str(error)) from None
    request = request_of(exchange, target)
    if exchange.asked.stream:
        await _streamed(exchange, target, held, request)
        return
    said = _until_stop(said_of(await model.reply(request), target), stops_of(exchange.document))
    await finish(exchange, target, held, said)
    body = exchange.dialect.write(said, model=target.name, reply_id=secrets.token_hex(12))
    await exchange.http.respond(200, [JSON, *verdict(exchange, target)], body)


async def _streamed(exchange: Exchange, target: Target, held: Held, request: Request) -> None:
    http, model = exchange.http, exchange.gateway.targets.model(target)
    writer = exchange.dialect.writer(
        model=target.name, reply_id=secrets.token_hex(12), wants_usage=exchange.asked.wants_usage
    )
    fragments = asyncio.Queue[str | None]()
    asking = asyncio.ensure_future(model.reply(request, fragments.put_nowait))
    asking.add_done_callback(lambda _: fragments.put_nowait(None))
    stops = stops_of(exchange.document)
    until = Until(stops)

    async def show(text: str) -> None:
        if text and not http.started:
            await http.start(200, [_EVENTS, *verdict(exchange, target)])
        if text:
            await http.write(writer.fragment(text))

    try:
        while (fragment := await fragments.get()) is not None:
            await show(until.take(fragment))
        said = _until_stop(said_of(asking.result(), target), stops)
        await show(until.rest())
    except ParcaeError as error:
        if not http.started:
            raise
        refusal = Refusal(502, "upstream", "stream_cut", f"{error}; the reply is incomplete", may_retry=True)
        await http.write(exchange.dialect.refuse_midway(refusal))
        await http.end()
        return
    finally:
        asking.cancel()
    await finish(exchange, target, held, said)
    if not http.started:
        await http.start(200, [_EVENTS, *verdict(exchange, target)])
    await http.write(writer.end(said))
    await http.end()


def _until_stop(said: Said, stops: Sequence[str]) -> Said:
    """The reply as a model would have given it that stops there: what it said after that, calls too, is left out."""
    until = Until(stops)
    text = until.take(said.text) + until.rest()
    return said._replace(text=text, calls=(), finish="stop") if until.met else said


def request_of(exchange: Exchange, target: Target) -> Request:
    """The client's request as the product's own."""
    document, dialect = exchange.document, exchange.dialect
    temperature, seed = document.get("temperature"), document.get("seed")
    offered = document.get("tool_choice") != "none"
    return Request(
        messages=messages_of(dialect, exchange.asked, document),
        tools=dialect.tools(document) if offered else (),
        max_tokens=max_tokens(exchange),
        temperature=float(temperature) if isinstance(temperature, int | float) else None,
        seed=seed if isinstance(seed, int) else None,
        timeout_seconds=target.upstream.timeout_seconds if target.upstream else 600.0,
    )


def messages_of(dialect: Dialect, asked: Asked, document: Document) -> list[ModelMessage]:
    """The conversation as pydantic-ai's messages. A reply that the client began itself is asked to go on."""
    from pydantic_ai.messages import (
        ModelRequest,
        ModelResponse,
        SystemPromptPart,
        TextPart,
        ToolCallPart,
        UserPromptPart,
    )

    from parcae.models.repair import CONTINUE

    messages: list[ModelMessage] = []
    names: dict[str, str] = {}
    system = "\n\n".join(text for text in (dialect.system(document), _schema(document)) if text)
    waiting: list[ModelRequestPart] = [SystemPromptPart(content=system)] if system else []
    for message, turn in zip(asked.messages, asked.turns, strict=True):
        if not message.from_model:
            waiting += _asking(dialect, turn, names)
            continue
        said = dialect.said(turn)
        names |= {call.id: call.name for call in said.calls}
        messages.append(ModelRequest(parts=waiting))
        waiting = []
        text = [TextPart(content=said.text)] if said.text else []
        calls = [ToolCallPart(tool_name=one.name, args=one.arguments, tool_call_id=one.id) for one in said.calls]
        messages.append(ModelResponse(parts=[*text, *calls]))
    return [*messages, ModelRequest(parts=waiting or [UserPromptPart(content=CONTINUE)])]


def _asking(dialect: Dialect, turn: Document, names: dict[str, str]) -> Sequence[ModelRequestPart]:
    from pydantic_ai.messages import SystemPromptPart, ToolReturnPart, UserPromptPart

    results = dialect.results(turn)
    parts: list[ModelRequestPart] = [
        ToolReturnPart(
            tool_name=names.get(result.call_id, "tool"),
            content=shown(result.content) if result.content else result.text,
            tool_call_id=result.call_id,
            outcome="failed" if result.is_error else "success",
        )
        for result in results
    ]
    if turn.get("role") in ("system", "developer"):
        return [*parts, SystemPromptPart(content=dialect.text(turn))]
    said = shown(turn.get("content"))
    return [*parts, UserPromptPart(content=said)] if said or not parts else parts


def _schema(document: Document) -> str:
    """A wished form of the answer, in words."""
    wished = object_of(document.get("response_format")) or object_of(object_of(document.get("text")).get("format"))
    schema = object_of(wished.get("json_schema")).get("schema") or wished.get("schema")
    if wished.get("type") == "json_schema" and schema:
        return f"Answer with one JSON document that matches this schema, and nothing else: {dumps(schema).decode()}"
    return "Answer with one JSON object, and nothing else." if wished.get("type") == "json_object" else ""


def said_of(reply: Reply, target: Target) -> Said:
    """A Model's reply as what was said.

    Calls of models of this process get ids that no other run has, as those of providers are: they tell runs apart.
    """
    message: ModelResponse = reply.message
    return Said(
        text="".join(part.content for part in message.parts if part.part_kind == "text"),
        calls=tuple(
            Call(
                one.tool_call_id if target.upstream is not None else f"call_{secrets.token_hex(12)}",
                one.tool_name,
                one.args_as_json_str(),
            )
            for one in message.tool_calls
        ),
        usage=reply.usage,
        finish="length" if message.finish_reason == "length" else "stop",
    )
