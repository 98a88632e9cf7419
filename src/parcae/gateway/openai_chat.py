"""OpenAI's `/v1/chat/completions`: https://platform.openai.com/docs/api-reference/chat (read 2026-11).

Knows nothing of runs or upstreams.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from parcae.core.protocols import ToolSpec
from parcae.core.usage import Usage
from parcae.gateway.dialect import (
    NOTHING_SAID,
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
    looks_like_an_error,
    number_of,
    object_of,
    text_of,
    tool_spec,
)
from parcae.gateway.identity import Before, Message
from parcae.gateway.refusal import Refusal, bad
from parcae.gateway.sse import DONE, Events, event

_WAITING_BYTES = 64_000
_LIMITS = ("max_completion_tokens", "max_tokens")
_ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
_PLAIN: dict[object, bytes] = {role: f"{role}\0\0".encode() for role in ("system", "developer", "user")}
_TYPES = {
    "invalid_request": "invalid_request_error",
    "unauthorized": "authentication_error",
    "no_budget": "insufficient_quota",
    "forbidden": "permission_error",
    "not_found": "invalid_request_error",
    "too_large": "invalid_request_error",
    "stopped": "predicted_failure",
    "busy": "rate_limit_error",
    "upstream": "api_error",
}


class OpenAIChat:
    """The dialect of `/v1/chat/completions`."""

    family: Family = "openai"
    path = "/chat/completions"
    goes_on = True

    def read(self, document: Document, *, before: Before | None = None) -> Asked:
        """Understand a request."""
        model = str(field_of(document, "model", str, required=True))
        turns = field_of(document, "messages", list, required=True)
        assert isinstance(turns, list)
        if not turns:
            raise bad("`messages` is empty", "missing_field")
        messages, bound = [], before.bound_tokens if before is not None else 0
        for index, turn in enumerate(turns):
            if type(turn) is dict and type(content := turn.get("content")) is str and len(turn) == 2:
                role = turn.get("role")
                plain = _PLAIN.get(role)  # the common case, a hundred times a request
                if plain is not None:
                    messages.append(Message(plain + content.encode()))
                    continue
                if role == "assistant":
                    messages.append(Message(b"assistant\0" + content.strip().encode(), True))
                    continue
            messages.append(_message(turn, index))
            content = turn.get("content")
            bound += bound_of((content,)) if isinstance(content, list) else 0
        stream = bool(field_of(document, "stream", bool))
        options = object_of(field_of(document, "stream_options", dict))
        field_of(document, "tools", list)
        return Asked(
            model=model,
            messages=messages,
            turns=turns,
            stream=stream,
            max_tokens=max(count_of(document, name) or 0 for name in _LIMITS) or None,  # servers heed one or the other
            choices=count_of(document, "n") or 1,
            bound_tokens=bound,
            wants_usage=not stream or options.get("include_usage") is True,
            said=hints(document) if "metadata" in document or "user" in document else NOTHING_SAID,
            offers=list_of(document.get("tools")),
            before=before,
        )

    def said(self, turn: Document) -> Said:
        """Understand a turn of the model in a history."""
        return Said(text=_text(turn.get("content")), calls=_calls(turn, "message"))

    def results(self, turn: Document) -> Sequence[Result]:
        """The tool result in a turn of the client."""
        if turn.get("role") != "tool":
            return ()
        content = turn.get("content")
        text = _text(content)
        return (Result(text_of(turn.get("tool_call_id")), text, looks_like_an_error(text), content),)

    def text(self, turn: Document) -> str:
        """The text of any turn."""
        return _text(turn.get("content"))

    def system(self, document: Document) -> str:
        """Nothing: the system's prompt is a turn."""
        return ""

    def tools(self, document: Document) -> Sequence[ToolSpec]:
        """The functions that the client offers."""
        functions = (object_of(object_of(tool).get("function")) for tool in list_of(document.get("tools")))
        return tuple(tool_spec(one, "parameters") for one in functions)

    def reply(self, document: Document) -> Said:
        """Understand a whole reply."""
        choice = object_of(next(iter(list_of(document.get("choices"))), None))
        message = object_of(choice.get("message"))
        return Said(
            text=_text(message.get("content")),
            calls=_calls(message, "reply"),
            usage=usage_of(document.get("usage")),
            finish=text_of(choice.get("finish_reason")) or "stop",
        )

    def message(self, said: Said) -> Message:
        """The reply as identity will see it."""
        return from_model(said.text, said.calls)

    def listen(self, asked: Asked) -> Listener:
        """Follow a streamed reply."""
        return _ChatStream(wants_usage=asked.wants_usage)

    def edits(
        self, document: Document, *, model: str, max_tokens: int | None, at_openai: bool = False
    ) -> dict[str, object]:
        """Set the model, the bound of the output, and ask for the usage of a stream.

        OpenAI's reasoning models refuse `max_tokens`; other servers may not know its newer name.
        """
        edits: dict[str, object] = {"model": model}
        if max_tokens is not None:
            is_newer = at_openai or document.get("max_completion_tokens") is not None
            edits["max_completion_tokens" if is_newer else "max_tokens"] = max_tokens
        if document.get("stream") is True:
            edits["stream_options"] = {**object_of(document.get("stream_options")), "include_usage": True}
        return edits

    def refuse(self, refusal: Refusal) -> bytes:
        """An error body."""
        return dumps({"error": error_document(refusal)})

    def refuse_midway(self, refusal: Refusal) -> bytes:
        """The same within a stream."""
        return event(dumps({"error": error_document(refusal)}))

    def write(self, said: Said, *, model: str, reply_id: str) -> bytes:
        """A whole reply."""
        message: dict[str, object] = {"role": "assistant", "content": said.text or None, "refusal": None}
        if said.calls:
            message["tool_calls"] = [_call_document(call) for call in said.calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
        head = _head("chat.completion", model, reply_id)
        return dumps({**head, "choices": [choice], "usage": usage_document(said.usage)})

    def writer(self, *, model: str, reply_id: str, wants_usage: bool) -> StreamWriter:
        """Writes a streamed reply."""
        return _ChatWriter(model, reply_id, wants_usage=wants_usage)


class _ChatWriter:
    """Writes a streamed reply, chunk by chunk."""

    def __init__(self, model: str, reply_id: str, *, wants_usage: bool) -> None:
        self._head = _head("chat.completion.chunk", model, reply_id)
        self._wants_usage, self._begun = wants_usage, False

    def fragment(self, text: str) -> bytes:
        """A chunk of text, the first one after the role."""
        begin = b"" if self._begun else self._chunk({"role": "assistant", "content": ""})
        self._begun = True
        return begin + self._chunk({"content": text})

    def end(self, said: Said) -> bytes:
        """The calls, the finish, the usage if asked for, the end."""
        parts = []
        if not self._begun:
            parts.append(self.fragment(said.text) if said.text else self._chunk({"role": "assistant", "content": None}))
        for index, call in enumerate(said.calls):
            parts.append(self._chunk({"tool_calls": [{"index": index, **_call_document(call)}]}))
        parts.append(self._chunk({}, finish=_finish(said)))
        if self._wants_usage:
            parts.append(event(dumps({**self._head, "choices": [], "usage": usage_document(said.usage)})))
        return b"".join(parts) + event(DONE)

    def _chunk(self, delta: Document, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event(dumps({**self._head, "choices": [choice]}))


class _ChatStream:
    """Collects a streamed reply; keeps back the usage that only the gateway asked for."""

    def __init__(self, *, wants_usage: bool) -> None:
        self._wants_usage = wants_usage
        self._events = Events()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._text: list[str] = []
        self._calls: dict[int, list[str]] = {}
        self._usage: Usage | None = None
        self._finish = ""
        self._done = False

    def feed(self, chunk: bytes) -> bytes:
        """Take in what arrived; all of it goes on, but for an unasked usage."""
        out = []
        for raw, data in self._events.feed(chunk):
            if data == DONE:
                self._done = True
            elif b'"usage"' in data and b'"usage":null' not in data:
                self._read()
                if not self._take(self._events.document(data)) and not self._wants_usage:
                    continue
            elif data:
                self._waiting.append(data)
                self._waiting_bytes += len(data)
            out.append(raw)
        if self._waiting_bytes > _WAITING_BYTES:
            self._read()
        return b"".join(out)

    def end(self) -> bytes:
        """The body is over: a reply that said how it finished is whole, since some servers never send [DONE]."""
        out = self.feed(self._events.missing)
        self._read()
        self._done = self._done or self._finish != ""
        return out

    def _read(self) -> None:
        """Read the events that came since: all at once, since nobody needs them before the end."""
        for document in self._events.documents(self._waiting):
            self._take(document)
        self._waiting, self._waiting_bytes = [], 0

    def _take(self, document: Document) -> bool:
        """Whether the event holds anything but usage."""
        if "usage" in document:
            self._usage = usage_of(document["usage"]) or self._usage
        choices = list_of(document.get("choices"))
        for choice in map(object_of, choices):
            if choice.get("index", 0) != 0:
                continue
            self._finish = text_of(choice.get("finish_reason")) or self._finish
            delta = object_of(choice.get("delta"))
            self._text.append(text_of(delta.get("content")))
            for call in map(object_of, list_of(delta.get("tool_calls"))):
                self._call(call)
        return bool(choices) or not document.get("usage")

    def _call(self, call: Document) -> None:
        index = call.get("index")
        if not isinstance(index, int):  # some servers leave it out: then an id begins a call
            index = max(self._calls, default=-1) + (1 if call.get("id") or not self._calls else 0)
        known = self._calls.setdefault(index, ["", "", ""])
        function = object_of(call.get("function"))
        known[0] = known[0] or text_of(call.get("id"))
        known[1] += text_of(function.get("name"))
        known[2] += text_of(function.get("arguments"))

    @property
    def complete(self) -> bool:
        """Whether [DONE] came, or the body ended after the reply's finish."""
        return self._done

    def said(self) -> Said:
        """The reply so far."""
        self._read()
        calls = tuple(Call(*self._calls[index]) for index in sorted(self._calls))
        return Said(text="".join(self._text), calls=calls, usage=self._usage, finish=self._finish or "stop")


def _message(turn: object, index: int) -> Message:
    if not isinstance(turn, dict):
        raise bad(f"`messages[{index}]` must be an object", "wrong_type")
    role = turn.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise bad(f"`messages[{index}].role` must be one of {', '.join(sorted(_ROLES))}", "wrong_value")
    content = turn.get("content")
    if content is not None and not isinstance(content, str | list):
        raise bad(f"`messages[{index}].content` must be text or a list of parts", "wrong_type")
    if role == "assistant":
        return from_model(_text(content), _calls(turn, f"messages[{index}]"))
    text = content if isinstance(content, str) else _plain(content)
    call_id = text_of(turn.get("tool_call_id"))
    return Message(content=f"{role}\0{call_id}\0{text}".encode(), call_ids=(call_id,) if call_id else ())


def usage_of(value: object) -> Usage | None:
    """Tokens as OpenAI counts them; None if the reply does not say."""
    return counted(object_of(value), "prompt", "completion")


def counted(usage: Document, prompt_name: str, completion_name: str) -> Usage | None:
    """What `usage` says in the names of either endpoint; None where it counts no prompt, since none is empty.

    Some servers count reasoning in the total alone.
    """
    prompt = number_of(usage.get(f"{prompt_name}_tokens"))
    if not prompt:
        return None
    details = object_of(usage.get(f"{prompt_name}_tokens_details"))
    completion = max(number_of(usage.get(f"{completion_name}_tokens")), number_of(usage.get("total_tokens")) - prompt)
    cached = min(number_of(details.get("cached_tokens")), prompt)
    written = min(number_of(details.get("cache_write_tokens")), prompt - cached)
    return Usage(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion, written_tokens=written)


def usage_document(usage: Usage | None) -> dict[str, object]:
    """Tokens in OpenAI's shape."""
    known = usage or Usage()
    return {
        "prompt_tokens": known.prompt_tokens,
        "completion_tokens": known.completion_tokens,
        "total_tokens": known.prompt_tokens + known.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": known.cached_tokens, "cache_write_tokens": known.written_tokens},
    }


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = [object_of(part) for part in list_of(content)]
    return "".join(text_of(part.get("text")) or text_of(part.get("refusal")) for part in parts)


def _plain(content: object) -> str:
    """Parts as every client writes them: some write text as a list of one part."""
    parts = [object_of(part) for part in list_of(content)]
    if all(part.get("type") == "text" for part in parts):
        return "".join(text_of(part.get("text")) for part in parts)
    return dumps(content).decode()


def _calls(turn: Document, where: str) -> tuple[Call, ...]:
    calls = turn.get("tool_calls")
    if calls is None:
        return ()
    if not isinstance(calls, list):
        raise bad(f"`{where}.tool_calls` must be a list", "wrong_type")
    return tuple(
        Call(
            text_of(object_of(call).get("id")),
            text_of(object_of(object_of(call).get("function")).get("name")),
            text_of(object_of(object_of(call).get("function")).get("arguments")),
        )
        for call in calls
    )


def from_model(text: str, calls: tuple[Call, ...]) -> Message:
    """What identity sees of something that the model said."""
    if not calls:
        return Message(content=f"assistant\0{text.strip()}".encode(), from_model=True)
    named = "\0".join(f"{call.id}\0{call.name}\0{canonical(call.arguments)}" for call in calls)
    content = f"assistant\0{text.strip()}\0{named}".encode()
    return Message(content=content, from_model=True, call_ids=tuple(call.id for call in calls))


def error_document(refusal: Refusal) -> dict[str, object]:
    """An error in OpenAI's shape."""
    return {"message": refusal.sentence, "type": _TYPES[refusal.kind], "param": None, "code": refusal.code}


def _head(kind: str, model: str, reply_id: str) -> dict[str, object]:
    return {"id": f"chatcmpl-{reply_id}", "object": kind, "created": int(time.time()), "model": model}


def _call_document(call: Call) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _finish(said: Said) -> str:
    return "tool_calls" if said.calls and said.finish == "stop" else said.finish
