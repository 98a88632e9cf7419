"""Anthropic's `/v1/messages`: https://docs.anthropic.com/en/api/messages (read 2026-11).

Knows nothing of runs or upstreams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pydantic_core

from parcae.core.protocols import ToolSpec
from parcae.gateway.anthropic_stream import MessagesStream, MessagesWriter, message_document, said_in
from parcae.gateway.dialect import (
    Asked,
    Call,
    Document,
    Family,
    Listener,
    Result,
    Said,
    StreamWriter,
    bound_of,
    canonical,
    count_of,
    dumps,
    field_of,
    hints,
    list_of,
    object_of,
    text_of,
    tool_spec,
)
from parcae.gateway.identity import Before, Message
from parcae.gateway.refusal import Refusal, bad
from parcae.gateway.sse import event

_TYPES = {
    "invalid_request": "invalid_request_error",
    "unauthorized": "authentication_error",
    "no_budget": "billing_error",
    "forbidden": "permission_error",
    "not_found": "not_found_error",
    "too_large": "request_too_large",
    "stopped": "predicted_failure",
    "busy": "rate_limit_error",
    "upstream": "api_error",
}


class AnthropicMessages:
    """The dialect of `/v1/messages`."""

    family: Family = "anthropic"
    path = "/messages"
    goes_on = True

    def read(self, document: Document, *, before: Before | None = None) -> Asked:
        """Understand a request."""
        model = str(field_of(document, "model", str, required=True))
        turns = field_of(document, "messages", list, required=True)
        assert isinstance(turns, list)
        if not turns:
            raise bad("`messages` is empty", "missing_field")
        max_tokens = count_of(document, "max_tokens")
        if max_tokens is None:
            raise bad("`max_tokens` is missing", "missing_field")
        system = document.get("system")
        if system is not None and not isinstance(system, str | list):
            raise bad("`system` must be text or a list of blocks", "wrong_type")
        field_of(document, "tools", list)
        messages = [_message(turn, index) for index, turn in enumerate(turns)]
        above = self.system(document).encode()
        if above and before is None:
            messages[0] = messages[0]._replace(content=b"system\0" + above + b"\0" + messages[0].content)
        return Asked(
            model=model,
            messages=messages,
            turns=turns,
            stream=bool(field_of(document, "stream", bool)),
            max_tokens=max_tokens,
            bound_tokens=bound_of(_contents(turns)) + (before.bound_tokens if before is not None else 0),
            said=hints(document) if "metadata" in document else {},
            offers=list_of(document.get("tools")),
            before=before,
        )

    def said(self, turn: Document) -> Said:
        """Understand a turn of the model in a history."""
        return _said(turn.get("content"))

    def results(self, turn: Document) -> Sequence[Result]:
        """The tool results in a turn of the client."""
        blocks = map(object_of, list_of(turn.get("content")))
        return tuple(
            Result(text_of(block.get("tool_use_id")), _text(content), block.get("is_error") is True, content)
            for block in blocks
            if block.get("type") == "tool_result"
            for content in (block.get("content"),)
        )

    def text(self, turn: Document) -> str:
        """The text of any turn."""
        return _text(turn.get("content"))

    def system(self, document: Document) -> str:
        """The system's prompt."""
        return _text(document.get("system"))

    def tools(self, document: Document) -> Sequence[ToolSpec]:
        """The functions that the client offers; Anthropic's own tools cannot run elsewhere."""
        tools = map(object_of, list_of(document.get("tools")))
        return tuple(tool_spec(tool, "input_schema") for tool in tools if tool.get("type", "custom") == "custom")

    def reply(self, document: Document) -> Said:
        """Understand a whole reply."""
        return said_in(document)

    def message(self, said: Said) -> Message:
        """The reply as identity will see it."""
        return _from_model(said)

    def listen(self, asked: Asked) -> Listener:
        """Follow a streamed reply."""
        return MessagesStream()

    def edits(
        self, document: Document, *, model: str, max_tokens: int | None, at_openai: bool = False
    ) -> dict[str, object]:
        """Set the model."""
        return {"model": model} | ({} if max_tokens is None else {"max_tokens": max_tokens})

    def refuse(self, refusal: Refusal) -> bytes:
        """An error body."""
        return dumps(_error(refusal))

    def refuse_midway(self, refusal: Refusal) -> bytes:
        """The same within a stream."""
        return event(dumps(_error(refusal)), "error")

    def write(self, said: Said, *, model: str, reply_id: str) -> bytes:
        """A whole reply."""
        return dumps(message_document(said, model, reply_id))

    def writer(self, *, model: str, reply_id: str, wants_usage: bool) -> StreamWriter:
        """Writes a streamed reply."""
        return MessagesWriter(model, reply_id)


def _message(turn: object, index: int) -> Message:
    where = f"messages[{index}]"
    if not isinstance(turn, dict):
        raise bad(f"`{where}` must be an object", "wrong_type")
    role, content = turn.get("role"), turn.get("content")
    if role not in ("user", "assistant", "system"):
        raise bad(f"`{where}.role` must be user or assistant", "wrong_value")
    if not isinstance(content, str | list):
        raise bad(f"`{where}.content` must be text or a list of blocks", "wrong_type")
    if not all(isinstance(block, dict) for block in content if not isinstance(content, str)):
        raise bad(f"`{where}.content` must hold blocks", "wrong_type")
    if role == "assistant":
        return _from_model(_said(content))
    if isinstance(content, str):
        return Message(content=f"{role}\0{content}".encode())
    parts = [_block(block) for block in content]
    ids = tuple(text_of(block.get("tool_use_id")) for block in content if block.get("type") == "tool_result")
    return Message(content=f"{role}\0".encode() + b"\0".join(parts), call_ids=tuple(filter(None, ids)))


def _block(block: Document) -> bytes:
    """A block as every client writes it: markers for the cache move from request to request, so they do not count."""
    if block.get("type") == "text":
        return text_of(block.get("text")).encode()
    if block.get("type") == "tool_result":
        content = block.get("content")
        texts = all(object_of(part).get("type") == "text" for part in list_of(content))
        body = _text(content).encode() if texts or isinstance(content, str) else dumps(_unmarked(content))
        return b"result\0" + text_of(block.get("tool_use_id")).encode() + b"\0" + body
    return dumps(_unmarked(block))


def _unmarked(value: object) -> object:
    if isinstance(value, dict):
        return {key: _unmarked(one) for key, one in value.items() if key != "cache_control"}
    return [_unmarked(one) for one in value] if isinstance(value, list) else value


def _said(content: object) -> Said:
    if isinstance(content, str):
        return Said(text=content)
    blocks = [object_of(block) for block in list_of(content)]
    return Said(
        text="".join(text_of(block.get("text")) for block in blocks if block.get("type") == "text"),
        calls=tuple(_call(block) for block in blocks if block.get("type") == "tool_use"),
    )


def _call(block: Mapping[str, object]) -> Call:
    arguments = pydantic_core.to_json(object_of(block.get("input"))).decode()
    return Call(text_of(block.get("id")), text_of(block.get("name")), arguments)


def _from_model(said: Said) -> Message:
    named = [f"{call.id}\0{call.name}\0{canonical(call.arguments)}" for call in said.calls]
    content = "\0".join(["assistant", said.text.strip(), *named]).encode()
    return Message(content=content, from_model=True, call_ids=tuple(call.id for call in said.calls))


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "".join(text_of(object_of(block).get("text")) for block in list_of(content))


def _contents(turns: Sequence[object]) -> Iterable[object]:
    """Every list of blocks, those within tool results too."""
    for turn in turns:
        content = object_of(turn).get("content")
        yield content
        for block in map(object_of, list_of(content)):
            if block.get("type") == "tool_result":
                yield block.get("content")


def _error(refusal: Refusal) -> dict[str, object]:
    error = {"type": _TYPES[refusal.kind], "message": refusal.sentence, "code": refusal.code}
    return {"type": "error", "error": error}
