"""The replies of `/v1/messages`, whole and streamed: read on their way through, and written.

https://docs.anthropic.com/en/api/messages-streaming (read 2026-11). Knows nothing of requests.
"""

from __future__ import annotations

from collections.abc import Mapping

import pydantic_core

from parcae.core.usage import Usage
from parcae.gateway.dialect import Call, Document, Said, dumps, list_of, number_of, object_of, text_of
from parcae.gateway.sse import Events, event

_FINISH = {"max_tokens": "length", "tool_use": "tool_calls", "refusal": "content_filter"}
_STOP = {finish: stop for stop, finish in _FINISH.items()}


class MessagesStream:
    """Collects a streamed reply; all of it goes on to the client."""

    def __init__(self) -> None:
        self._events = Events()
        self._text: list[str] = []
        self._calls: dict[int, list[str]] = {}
        self._counted: dict[str, object] = {}
        self._stop = ""
        self._done = False

    def feed(self, chunk: bytes) -> bytes:
        """Take in what arrived."""
        out = []
        for raw, data in self._events.feed(chunk):
            out.append(raw)
            if data:
                self._take(self._events.document(data))
        return b"".join(out)

    def end(self) -> bytes:
        """The body is over."""
        return self.feed(self._events.missing)

    def _take(self, document: Document) -> None:
        kind = document.get("type")
        if kind == "content_block_delta":
            self._delta(number_of(document.get("index")), object_of(document.get("delta")))
        elif kind == "content_block_start":
            self._start(number_of(document.get("index")), object_of(document.get("content_block")))
        elif kind == "message_start":
            self._count(object_of(document.get("message")).get("usage"))
        elif kind == "message_delta":
            self._stop = text_of(object_of(document.get("delta")).get("stop_reason")) or self._stop
            self._count(document.get("usage"))
        elif kind == "message_stop":
            self._done = True

    def _start(self, index: int, block: Document) -> None:
        if block.get("type") == "text":
            self._text.append(text_of(block.get("text")))
        elif block.get("type") == "tool_use":
            given = object_of(block.get("input"))
            arguments = pydantic_core.to_json(given).decode() if given else ""
            self._calls[index] = [text_of(block.get("id")), text_of(block.get("name")), arguments]

    def _delta(self, index: int, delta: Document) -> None:
        if delta.get("type") == "text_delta":
            self._text.append(text_of(delta.get("text")))
        elif delta.get("type") == "input_json_delta" and index in self._calls:
            self._calls[index][2] += text_of(delta.get("partial_json"))

    def _count(self, usage: object) -> None:
        """Counts are totals so far: a later one replaces an earlier one."""
        self._counted |= {name: value for name, value in object_of(usage).items() if value is not None}

    @property
    def complete(self) -> bool:
        """Whether message_stop came."""
        return self._done

    def said(self) -> Said:
        """The reply so far."""
        calls = tuple(Call(one, name, text or "{}") for _, (one, name, text) in sorted(self._calls.items()))
        finish = _FINISH.get(self._stop, "stop")
        return Said(text="".join(self._text), calls=calls, usage=usage_of(self._counted or None), finish=finish)


class MessagesWriter:
    """Writes a streamed reply, block by block."""

    def __init__(self, model: str, reply_id: str) -> None:
        self._model, self._reply_id = model, reply_id
        self._begun = False

    def fragment(self, text: str) -> bytes:
        """A piece of text; the first one opens the stream and its block."""
        begin = b""
        if not self._begun:
            self._begun = True
            begin = self._opening() + _named("content_block_start", index=0, content_block={"type": "text", "text": ""})
        return begin + _named("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def end(self, said: Said) -> bytes:
        """What is left: text that was not streamed, the calls, the usage, the end."""
        parts = [] if self._begun or not said.text else [self.fragment(said.text)]
        parts.append(_named("content_block_stop", index=0) if self._begun else self._opening())
        for index, call in enumerate(said.calls, int(self._begun)):
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": call.arguments or "{}"}
            parts += [
                _named("content_block_start", index=index, content_block=block),
                _named("content_block_delta", index=index, delta=delta),
                _named("content_block_stop", index=index),
            ]
        ending = {"stop_reason": _stop(said), "stop_sequence": None}
        parts += [_named("message_delta", delta=ending, usage=usage_document(said.usage)), _named("message_stop")]
        return b"".join(parts)

    def _opening(self) -> bytes:
        message = {**message_document(Said(), self._model, self._reply_id), "stop_reason": None}
        return _named("message_start", message=message)


def said_in(document: Document) -> Said:
    """What a whole reply says."""
    blocks = [object_of(block) for block in list_of(document.get("content"))]
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    return Said(
        text="".join(text_of(block.get("text")) for block in blocks if block.get("type") == "text"),
        calls=tuple(
            Call(
                text_of(block.get("id")),
                text_of(block.get("name")),
                pydantic_core.to_json(object_of(block.get("input"))).decode(),
            )
            for block in calls
        ),
        usage=usage_of(document.get("usage")),
        finish=_FINISH.get(text_of(document.get("stop_reason")), "stop"),
    )


def message_document(said: Said, model: str, reply_id: str) -> dict[str, object]:
    """A whole reply in Anthropic's shape."""
    content: list[object] = [{"type": "text", "text": said.text}] if said.text else []
    for call in said.calls:
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments)})
    return {
        "id": f"msg_{reply_id}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": _stop(said),
        "stop_sequence": None,
        "usage": usage_document(said.usage),
    }


def usage_of(value: object) -> Usage | None:
    """Tokens as Anthropic counts them (what is read from or written to the cache stands beside the rest).

    None where it does not count the reply, or no prompt, since none is empty.
    """
    if not isinstance(value, Mapping) or "output_tokens" not in value:
        return None
    cached = number_of(value.get("cache_read_input_tokens"))
    written = number_of(value.get("cache_creation_input_tokens"))
    hour = number_of(object_of(value.get("cache_creation")).get("ephemeral_1h_input_tokens"))
    prompt = number_of(value.get("input_tokens")) + written + cached
    if not prompt:
        return None
    return Usage(
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=number_of(value.get("output_tokens")),
        written_tokens=written,
        hour_tokens=min(hour, written),
    )


def usage_document(usage: Usage | None) -> dict[str, object]:
    """Tokens in Anthropic's shape."""
    known = usage or Usage()
    return {
        "input_tokens": known.prompt_tokens - known.cached_tokens - known.written_tokens,
        "cache_creation_input_tokens": known.written_tokens,
        "cache_read_input_tokens": known.cached_tokens,
        "output_tokens": known.completion_tokens,
    }


def _stop(said: Said) -> str:
    return "tool_use" if said.calls and said.finish == "stop" else _STOP.get(said.finish, "end_turn")


def _input(arguments: str) -> Mapping[str, object]:
    try:
        return object_of(pydantic_core.from_json(arguments or "{}"))
    except ValueError:
        return {}


def _named(kind: str, **fields: object) -> bytes:
    return event(dumps({"type": kind, **fields}), kind)
