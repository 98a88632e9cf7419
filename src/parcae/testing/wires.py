"""The wire formats of OpenAI, Anthropic and Google, seen from the server: what each takes, and how each answers.

Written from the published references (read 2025-11):
https://platform.openai.com/docs/api-reference/chat , https://docs.anthropic.com/en/api/messages ,
https://ai.google.dev/api/generate-content . Knows nothing of sockets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ToolCallPart

Body = Mapping[str, Any]
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
PROMPT_TOKENS, COMPLETION_TOKENS = 100, 10
GOOGLE_STATUS = {  # https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Wire(Protocol):
    """One provider's format."""

    def complaint(self, body: Body) -> str | None:
        """Why the provider would refuse `body`; None if it would not."""
        ...

    def whole(self, reply: ModelResponse) -> dict[str, Any]:
        """`reply` as one JSON answer."""
        ...

    def events(self, reply: ModelResponse) -> Iterator[str]:
        """`reply` as server-sent events."""
        ...

    def refusal(self, status: int, message: str) -> dict[str, Any]:
        """An error as the provider words it."""
        ...


def wire_of(path: str) -> Wire | None:
    """The format that is spoken at `path`."""
    if path.endswith("/chat/completions"):
        return OpenAIWire()
    if path.endswith("/messages"):
        return AnthropicWire()
    return GoogleWire() if ":generateContent" in path or ":streamGenerateContent" in path else None


def wants_stream(path: str, body: Body) -> bool:
    """Whether the answer is to be streamed."""
    return bool(body.get("stream")) or ":streamGenerateContent" in path


class OpenAIWire:
    """Chat completions."""

    def complaint(self, body: Body) -> str | None:
        """As `Wire.complaint`."""
        messages = body.get("messages")
        if not messages:
            return "messages must not be empty"
        if not (body.get("max_tokens") or body.get("max_completion_tokens")):
            return "the most tokens must be sent"
        open_ids: list[str] = []
        for message in messages:
            role = message["role"]
            if role == "tool":
                if message["tool_call_id"] not in open_ids:
                    return "a message with role 'tool' must answer a preceding message with 'tool_calls'"
                open_ids.remove(message["tool_call_id"])
                continue
            if open_ids:
                return f"these tool_call_ids had no answer: {open_ids}"
            calls = message.get("tool_calls") or []
            if not calls and not message.get("content"):
                return f"a message of {role} without content"
            open_ids = [call["id"] for call in calls]
            if len(set(open_ids)) != len(open_ids):
                return "duplicate tool_call_ids"
            if wrong := _first_wrong(call["function"] for call in calls):
                return wrong
        return f"these tool_call_ids had no answer: {open_ids}" if open_ids else None

    def whole(self, reply: ModelResponse) -> dict[str, Any]:
        """As `Wire.whole`."""
        message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
        if reply.tool_calls:
            message["tool_calls"] = [_openai_call(call) for call in reply.tool_calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _openai_finish(reply)}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage(reply)}

    def events(self, reply: ModelResponse) -> Iterator[str]:
        """As `Wire.events`."""
        yield self._chunk({"role": "assistant", "content": ""})
        for fragment in _fragments(reply.text or ""):
            yield self._chunk({"content": fragment})
        for index, call in enumerate(reply.tool_calls):
            whole = _openai_call(call)
            named = {**whole, "index": index, "function": {"name": whole["function"]["name"], "arguments": ""}}
            yield self._chunk({"tool_calls": [named]})
            for fragment in _fragments(whole["function"]["arguments"]):
                yield self._chunk({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]})
        yield self._chunk({}, finish=_openai_finish(reply))
        yield _event({**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage(reply)})
        yield "data: [DONE]\n\n"

    def refusal(self, status: int, message: str) -> dict[str, Any]:
        """As `Wire.refusal`."""
        return {"error": {"message": message, "type": f"status_{status}", "param": None, "code": None}}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**self._head("chat.completion.chunk"), "choices": [choice], "usage": None})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "scripted"}

    def _usage(self, reply: ModelResponse) -> dict[str, Any]:
        prompt, cached, completion = _counted(reply)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {
                "cached_tokens": cached,
                "cache_write_tokens": reply.usage.cache_write_tokens,
                "audio_tokens": 0,
            },
        }


class AnthropicWire:
    """Messages."""

    def complaint(self, body: Body) -> str | None:
        """As `Wire.complaint`."""
        messages = body.get("messages")
        if not messages or not body.get("max_tokens"):
            return "messages and max_tokens are needed"
        if messages[0]["role"] != "user":
            return "the first message must be the user's"
        if not 0 <= body.get("temperature", 0) <= 1:
            return "temperature: range 0..1"
        open_ids: list[str] = []
        seen: set[str] = set()
        for message in messages:
            blocks = message["content"]
            blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
            if wrong := self._blocks(blocks, message["role"], open_ids):
                return wrong
            open_ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
            if seen & set(open_ids) or len(set(open_ids)) != len(open_ids):
                return "`tool_use` ids must be unique"
            seen.update(open_ids)
        return "`tool_use` ids without `tool_result` blocks" if open_ids else None

    def _blocks(self, blocks: Sequence[Body], role: str, open_ids: list[str]) -> str | None:
        if not blocks:
            return "content must not be empty"
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(open_ids):
            return f"`tool_use` ids {open_ids} must be answered at once, not {results}"
        if any(block["type"] != "tool_result" for block in blocks[: len(results)]):
            return "`tool_result` blocks come first"
        if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return "text content blocks must contain non-whitespace text"
        if role == "user" and any(block["type"] in ("tool_use", "thinking") for block in blocks):
            return "only the assistant calls and thinks"
        if role == "assistant" and results:
            return "only the user answers calls"
        return _first_wrong(
            {"name": block["name"], "arguments": block["input"]} for block in blocks if block["type"] == "tool_use"
        )

    def whole(self, reply: ModelResponse) -> dict[str, Any]:
        """As `Wire.whole`."""
        text = [{"type": "text", "text": reply.text, "citations": None}] if reply.text else []
        calls = [
            {"type": "tool_use", "id": call.tool_call_id, "name": call.tool_name, "input": call.args_as_dict()}
            for call in reply.tool_calls
        ]
        return {**self._head(reply), "content": [*text, *calls], "stop_reason": self._stop(reply)}

    def events(self, reply: ModelResponse) -> Iterator[str]:
        """As `Wire.events`."""
        head = {**self._head(reply), "content": [], "stop_reason": None}
        yield _named({"type": "message_start", "message": head})
        for index, block in enumerate(self.whole(reply)["content"]):
            yield from self._block_events(index, block)
        delta = {"stop_reason": self._stop(reply), "stop_sequence": None}
        yield _named({"type": "message_delta", "delta": delta, "usage": self._head(reply)["usage"]})
        yield _named({"type": "message_stop"})

    def _block_events(self, index: int, block: dict[str, Any]) -> Iterator[str]:
        empty = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
        yield _named({"type": "content_block_start", "index": index, "content_block": empty})
        said = block["text"] if block["type"] == "text" else json.dumps(block["input"])
        for fragment in _fragments(said):
            delta = (
                {"type": "text_delta", "text": fragment}
                if block["type"] == "text"
                else {"type": "input_json_delta", "partial_json": fragment}
            )
            yield _named({"type": "content_block_delta", "index": index, "delta": delta})
        yield _named({"type": "content_block_stop", "index": index})

    def refusal(self, status: int, message: str) -> dict[str, Any]:
        """As `Wire.refusal`."""
        return {"type": "error", "error": {"type": f"status_{status}", "message": message}}

    def _head(self, reply: ModelResponse) -> dict[str, Any]:
        prompt, cached, completion = _counted(reply)
        written, hour = reply.usage.cache_write_tokens, reply.usage.cache_write_1h_tokens
        usage = {
            "input_tokens": prompt - cached - written,
            "cache_creation_input_tokens": written,
            "cache_creation": {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour},
            "cache_read_input_tokens": cached,
            "output_tokens": completion,
        }
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "scripted",
            "stop_sequence": None,
            "usage": usage,
        }

    def _stop(self, reply: ModelResponse) -> str:
        return "tool_use" if reply.tool_calls else "end_turn"


class GoogleWire:
    """generateContent."""

    def complaint(self, body: Body) -> str | None:
        """As `Wire.complaint`."""
        contents = body.get("contents")
        if not contents or not body.get("generationConfig", {}).get("maxOutputTokens"):
            return "contents and maxOutputTokens are needed"
        if contents[0].get("role") != "user" or contents[-1].get("role") == "model":
            return "a conversation begins and ends with the user"
        calls: list[str] = []
        for content in contents:
            parts = content.get("parts")
            if not parts or any(not part for part in parts):
                return "parts must not be empty"
            answers = [part["functionResponse"]["name"] for part in parts if "functionResponse" in part]
            if sorted(answers) != sorted(calls):
                return "the number of function response parts must equal that of the function call parts"
            calls = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
            if calls and content.get("role") != "model":
                return "only the model calls functions"
        return "a function call was not answered" if calls else None

    def whole(self, reply: ModelResponse) -> dict[str, Any]:
        """As `Wire.whole`."""
        parts: list[dict[str, Any]] = [{"text": reply.text}] if reply.text else []
        parts += [
            {"functionCall": {"id": call.tool_call_id, "name": call.tool_name, "args": call.args_as_dict()}}
            for call in reply.tool_calls
        ]
        return self._answer(reply, parts, "STOP")

    def events(self, reply: ModelResponse) -> Iterator[str]:
        """As `Wire.events`."""
        for fragment in _fragments(reply.text or ""):
            yield _event(self._answer(reply, [{"text": fragment}], None))
        calls = [part for part in self.whole(reply)["candidates"][0]["content"]["parts"] if "functionCall" in part]
        yield _event(self._answer(reply, calls or [{"text": ""}], "STOP"))

    def refusal(self, status: int, message: str) -> dict[str, Any]:
        """As `Wire.refusal`."""
        return {"error": {"code": status, "message": message, "status": GOOGLE_STATUS.get(status, "UNKNOWN")}}

    def _answer(self, reply: ModelResponse, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
        prompt, cached, completion = _counted(reply)
        candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
        if finish:
            candidate["finishReason"] = finish
        usage = {
            "promptTokenCount": prompt,
            "cachedContentTokenCount": cached,
            "candidatesTokenCount": completion,
            "totalTokenCount": prompt + completion,
        }
        return {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": "scripted",
            "responseId": "response-1",
        }


def _openai_call(call: ToolCallPart) -> dict[str, Any]:
    function = {"name": call.tool_name, "arguments": call.args_as_json_str()}
    return {"id": call.tool_call_id, "type": "function", "function": function}


def _openai_finish(reply: ModelResponse) -> str:
    return "tool_calls" if reply.tool_calls else "stop"


def _counted(reply: ModelResponse) -> tuple[int, int, int]:
    """(prompt, cached, completion) tokens: what the script says, else a fixed number."""
    usage = reply.usage
    return (
        usage.input_tokens or PROMPT_TOKENS,
        usage.cache_read_tokens,
        usage.output_tokens or COMPLETION_TOKENS,
    )


def _first_wrong(calls: Iterator[Body]) -> str | None:
    """What is wrong with the first call that no provider would take."""
    for call in calls:
        if not NAME.fullmatch(call["name"]):
            return f"{call['name']!r} is no name for a function"
        arguments = call["arguments"]
        try:
            arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
        except ValueError:
            return f"the arguments {arguments!r} are no JSON"
        if not isinstance(arguments, dict):
            return f"the arguments {arguments!r} are no object"
    return None


def _fragments(text: str, size: int = 8) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _event(data: object) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _named(data: dict[str, Any]) -> str:
    return f"event: {data['type']}\n{_event(data)}"
