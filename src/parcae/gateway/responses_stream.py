"""The replies of `/v1/responses`, whole and streamed: read on their way through, and written.

https://platform.openai.com/docs/api-reference/responses-streaming (read 2026-11). Knows nothing of requests.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from parcae.core.usage import Usage
from parcae.gateway.dialect import Call, Document, Said, dumps, list_of, object_of, text_of
from parcae.gateway.openai_chat import counted
from parcae.gateway.sse import Events, event

_ENDS = ("response.completed", "response.incomplete", "response.failed")


class ResponsesStream:
    """Follows a streamed reply: its last event holds all of it."""

    def __init__(self) -> None:
        self._events = Events()
        self._said = Said()
        self._done = False

    def feed(self, chunk: bytes) -> bytes:
        """Take in what arrived; all of it goes on."""
        out = []
        for raw, data in self._events.feed(chunk):
            out.append(raw)
            if data and b'"response.' in data and any(end.encode() in data for end in _ENDS):
                document = self._events.document(data)
                if document.get("type") in _ENDS:
                    self._said, self._done = said_in(object_of(document.get("response"))), True
        return b"".join(out)

    def end(self) -> bytes:
        """The body is over."""
        return self.feed(self._events.missing)

    @property
    def complete(self) -> bool:
        """Whether the last event came."""
        return self._done

    def said(self) -> Said:
        """The reply."""
        return self._said


class ResponsesWriter:
    """Writes a streamed reply, item by item."""

    def __init__(self, model: str, reply_id: str) -> None:
        self._model, self._reply_id = model, reply_id
        self._number = 0
        self._begun = False

    def fragment(self, text: str) -> bytes:
        """A piece of text; the first one opens the stream and its message."""
        begin = b""
        if not self._begun:
            self._begun = True
            item = {**message_item("", self._reply_id), "status": "in_progress", "content": []}
            part = {"type": "output_text", "text": "", "annotations": []}
            begin = (
                self._opening()
                + self._event("response.output_item.added", output_index=0, item=item)
                + self._event("response.content_part.added", **self._place(), part=part)
            )
        return begin + self._event("response.output_text.delta", **self._place(), delta=text, logprobs=[])

    def end(self, said: Said) -> bytes:
        """What is left: text that was not streamed, the calls, the whole reply once more."""
        parts = [] if self._begun or not said.text else [self.fragment(said.text)]
        if self._begun:
            item = message_item(said.text, self._reply_id)
            part = {"type": "output_text", "text": said.text, "annotations": []}
            parts += [
                self._event("response.output_text.done", **self._place(), text=said.text, logprobs=[]),
                self._event("response.content_part.done", **self._place(), part=part),
                self._event("response.output_item.done", output_index=0, item=item),
            ]
        else:
            parts.append(self._opening())
        for index, call in enumerate(said.calls, int(self._begun)):
            parts += self._call(index, call)
        response = response_document(said, self._model, self._reply_id)
        kind = "response.incomplete" if response["status"] == "incomplete" else "response.completed"
        return b"".join([*parts, self._event(kind, response=response)])

    def _call(self, index: int, call: Call) -> list[bytes]:
        item = call_item(call)
        place = {"item_id": item["id"], "output_index": index}
        return [
            self._event(
                "response.output_item.added",
                output_index=index,
                item={**item, "arguments": "", "status": "in_progress"},
            ),
            self._event("response.function_call_arguments.delta", **place, delta=call.arguments),
            self._event("response.function_call_arguments.done", **place, arguments=call.arguments, name=call.name),
            self._event("response.output_item.done", output_index=index, item=item),
        ]

    def _opening(self) -> bytes:
        empty = {**response_document(Said(), self._model, self._reply_id), "status": "in_progress", "usage": None}
        return self._event("response.created", response=empty) + self._event("response.in_progress", response=empty)

    def _place(self) -> dict[str, object]:
        return {"item_id": f"msg_{self._reply_id}", "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **fields: object) -> bytes:
        number, self._number = self._number, self._number + 1
        return event(dumps({"type": kind, "sequence_number": number, **fields}), kind)


def said_in(document: Document) -> Said:
    """What a whole reply says."""
    items = [object_of(item) for item in list_of(document.get("output"))]
    said = [item for item in items if item.get("type") == "message"]
    parts = [object_of(part) for item in said for part in list_of(item.get("content"))]
    texts = [text_of(part.get("text")) or text_of(part.get("refusal")) for part in parts]
    return Said(
        text="".join(texts),
        calls=calls_in(items),
        usage=usage_of(document.get("usage")),
        finish="length" if document.get("status") == "incomplete" else "stop",
    )


def calls_in(items: Sequence[Document]) -> tuple[Call, ...]:
    """What items of the model ask the client to do: its functions, and OpenAI's own tools that the client runs.

    What the server ran itself (a web search) has no `call_id`.
    """
    return tuple(_call(item) for item in items if item.get("type") == "function_call" or _asks_the_client(item))


def _asks_the_client(item: Document) -> bool:
    return text_of(item.get("type")).endswith("_call") and bool(text_of(item.get("call_id")))


def _call(item: Document) -> Call:
    kind, name, arguments = text_of(item.get("type")), text_of(item.get("name")), text_of(item.get("arguments"))
    if kind == "custom_tool_call":
        arguments = dumps({"input": text_of(item.get("input"))}).decode()
    elif kind != "function_call":
        name = name or kind.removesuffix("_call")
        arguments = dumps(item.get("action") or item.get("operation") or {}).decode()
    return Call(text_of(item.get("call_id")), name, arguments)


def usage_of(value: object) -> Usage | None:
    """Tokens as this endpoint counts them; None if the reply does not say."""
    return counted(object_of(value), "input", "output")


def response_document(said: Said, model: str, reply_id: str) -> dict[str, object]:
    """A whole reply in this endpoint's shape."""
    cut = said.finish == "length"
    known = said.usage or Usage()
    output: list[object] = [message_item(said.text, reply_id)] if said.text else []
    return {
        "id": f"resp_{reply_id}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": output + [call_item(call) for call in said.calls],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "store": False,
        "usage": {
            "input_tokens": known.prompt_tokens,
            "input_tokens_details": {
                "cached_tokens": known.cached_tokens,
                "cache_write_tokens": known.written_tokens,
            },
            "output_tokens": known.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": known.prompt_tokens + known.completion_tokens,
        },
    }


def message_item(text: str, reply_id: str) -> dict[str, object]:
    """Text that the model said."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": f"msg_{reply_id}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def call_item(call: Call) -> dict[str, object]:
    """A call that the model made."""
    return {
        "id": f"fc_{call.id}",
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": "completed",
    }
