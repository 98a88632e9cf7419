"""OpenAI's `/v1/responses`, as far as it needs no memory of the server's: the whole conversation is in each request.

https://platform.openai.com/docs/api-reference/responses (read 2026-11). Knows nothing of runs or upstreams.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from parcae.core.protocols import ToolSpec
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
    count_of,
    dumps,
    field_of,
    hints,
    list_of,
    looks_like_an_error,
    object_of,
    text_of,
    tool_spec,
)
from parcae.gateway.identity import Before, Message
from parcae.gateway.openai_chat import error_document, from_model
from parcae.gateway.refusal import Refusal, bad
from parcae.gateway.responses_stream import ResponsesStream, ResponsesWriter, calls_in, response_document, said_in
from parcae.gateway.sse import event

_KEPT_BY_SERVER = ("previous_response_id", "conversation", "background", "prompt")
_MODEL_ITEMS = ("reasoning", "compaction", "mcp_list_tools", "mcp_approval_request")  # beside every "..._call"


class OpenAIResponses:
    """The dialect of `/v1/responses`."""

    family: Family = "openai"
    path = "/responses"
    goes_on = False  # its items and its instructions are more than a list of messages

    def read(self, document: Document, *, before: Before | None = None) -> Asked:
        """Understand a request."""
        model = str(field_of(document, "model", str, required=True))
        for name in _KEPT_BY_SERVER:
            if document.get(name):
                raise bad(
                    f"`{name}` needs a server that keeps conversations, and this gateway keeps none: "
                    "send the whole conversation in `input`",
                    "stateful_request",
                )
        turns = list(_turns(document.get("input")))
        if not turns:
            raise bad("`input` is empty", "missing_field")
        field_of(document, "tools", list)
        messages = [self._message(turn) for turn in turns]
        above = self.system(document).encode()
        if above:
            messages[0] = messages[0]._replace(content=b"system\0" + above + b"\0" + messages[0].content)
        return Asked(
            model=model,
            messages=messages,
            turns=turns,
            stream=bool(field_of(document, "stream", bool)),
            max_tokens=count_of(document, "max_output_tokens"),
            bound_tokens=bound_of(map(_content, turns)),
            said=hints(document) if "metadata" in document or "user" in document else {},
            offers=list_of(document.get("tools")),
        )

    def _message(self, turn: Document) -> Message:
        if "items" in turn:
            return from_model(*_said_in_items(list_of(turn["items"])))
        kind = text_of(turn.get("type"))
        if kind.endswith("_output"):
            call_id, body = _answered(turn), turn.get("output")
            text = body if isinstance(body, str) else dumps(body).decode()
            return Message(content=f"output\0{call_id}\0{text}".encode(), call_ids=(call_id,))
        if kind not in ("", "message"):
            return Message(content=b"item\0" + dumps(turn))
        content = turn.get("content")
        texts = isinstance(content, str) or all(
            object_of(part).get("type") in ("input_text", "text") for part in list_of(content)
        )
        body = _text(content) if texts else dumps(content).decode()
        return Message(content=f"{text_of(turn.get('role'))}\0{body}".encode())

    def said(self, turn: Document) -> Said:
        """Understand a turn of the model in a history."""
        text, calls = _said_in_items(list_of(turn.get("items")))
        return Said(text=text, calls=calls)

    def results(self, turn: Document) -> Sequence[Result]:
        """The tool result in a turn of the client."""
        if not text_of(turn.get("type")).endswith("_output"):
            return ()
        output = turn.get("output")
        content = [output] if isinstance(output, dict) else output
        text = _text(content)
        if turn.get("type") == "shell_call_output":
            content = text = dumps(output).decode()
        failed = turn.get("status") == "failed" or looks_like_an_error(text)
        return (Result(_answered(turn), text, failed, content),)

    def text(self, turn: Document) -> str:
        """The text of any turn."""
        if "items" in turn:
            return _said_in_items(list_of(turn["items"]))[0]
        return _text(turn.get("content"))

    def system(self, document: Document) -> str:
        """The instructions."""
        return text_of(document.get("instructions"))

    def tools(self, document: Document) -> Sequence[ToolSpec]:
        """The functions that the client offers; OpenAI's own tools cannot run elsewhere."""
        tools = map(object_of, list_of(document.get("tools")))
        return tuple(tool_spec(tool, "parameters") for tool in tools if tool.get("type") == "function")

    def reply(self, document: Document) -> Said:
        """Understand a whole reply."""
        return said_in(document)

    def message(self, said: Said) -> Message:
        """The reply as identity will see it."""
        return from_model(said.text, said.calls)

    def listen(self, asked: Asked) -> Listener:
        """Follow a streamed reply."""
        return ResponsesStream()

    def edits(
        self, document: Document, *, model: str, max_tokens: int | None, at_openai: bool = False
    ) -> dict[str, object]:
        """Set the model and the bound of the output."""
        return {"model": model} | ({} if max_tokens is None else {"max_output_tokens": max_tokens})

    def refuse(self, refusal: Refusal) -> bytes:
        """An error body."""
        return dumps({"error": error_document(refusal)})

    def refuse_midway(self, refusal: Refusal) -> bytes:
        """The same within a stream."""
        error = {"code": refusal.code, "message": refusal.sentence, "param": None}
        return event(dumps({"type": "error", "sequence_number": 0, **error}), "error")

    def write(self, said: Said, *, model: str, reply_id: str) -> bytes:
        """A whole reply."""
        return dumps(response_document(said, model, reply_id))

    def writer(self, *, model: str, reply_id: str, wants_usage: bool) -> StreamWriter:
        """Writes a streamed reply."""
        return ResponsesWriter(model, reply_id)


def _turns(given: object) -> Iterator[Document]:
    """The input as turns: what the model said in one reply, over several items, is one turn with its `items`."""
    if isinstance(given, str):
        yield {"role": "user", "content": given}
        return
    if not isinstance(given, list):
        raise bad("`input` must be text or a list of items", "wrong_type")
    said: list[Document] = []
    for index, item in enumerate(given):
        if not isinstance(item, dict):
            raise bad(f"`input[{index}]` must be an object", "wrong_type")
        if item.get("type") == "item_reference":
            raise bad(f"`input[{index}]` refers to an item that only OpenAI keeps: send it whole", "stateful_request")
        if _is_model_s(item):
            said.append(item)
            continue
        if said:
            yield {"role": "assistant", "items": said}
            said = []
        yield item
    if said:
        yield {"role": "assistant", "items": said}


def _is_model_s(item: Mapping[str, object]) -> bool:
    kind = text_of(item.get("type"))
    return item.get("role") == "assistant" or kind.endswith("_call") or kind in _MODEL_ITEMS


def _answered(output: Document) -> str:
    """The id of the call that an output answers; a local shell's is in `id`."""
    return text_of(output.get("call_id")) or text_of(output.get("id"))


def _content(turn: Document) -> object:
    """What a turn of the client holds; a screenshot is an object, not a list."""
    content = turn.get("content") or turn.get("output")
    return [content] if isinstance(content, dict) else content


def _said_in_items(items: Sequence[object]) -> tuple[str, tuple[Call, ...]]:
    found = [object_of(item) for item in items]
    texts = [_text(item.get("content")) for item in found if item.get("role") == "assistant"]
    return "".join(texts), calls_in(found)


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = [object_of(part) for part in list_of(content)]
    return "".join(text_of(part.get("text")) or text_of(part.get("refusal")) for part in parts)
