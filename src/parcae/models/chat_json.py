"""The common messages of a conversation as JSON of OpenAI's chat format, straight from their parts.

pydantic-ai's mapping builds dictionaries, and looks at every part several times over; for text and calls the same bytes
are written here in a fifth of the time (`bench/openai_path.py`). Anything else is left to pydantic-ai: None is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from json.encoder import encode_basestring

from pydantic_ai._special_tokens import break_special_tokens
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponsePart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)


def plain_json(message: ModelMessage, *, breaks_tokens: bool) -> bytes | None:
    """The messages of `message` on the wire, with commas between; None if it holds more than plain text and calls.

    `breaks_tokens`: chat-template tokens must not go out as they are; a message that holds one is not plain.
    """
    if isinstance(message, ModelRequest):
        text = _asked(message.parts, breaks_tokens) if message.instructions is None else None
    else:
        text = _replied(message.parts, breaks_tokens)
    return None if text is None else text.encode()


def _asked(parts: Sequence[ModelRequestPart], breaks: bool) -> str | None:
    written: list[str] = []
    for part in parts:
        content = getattr(part, "content", None)
        if type(content) is not str or (breaks and _broken(content)):
            return None
        if type(part) is ToolReturnPart:
            if part.outcome != "success" or not part.tool_call_id or (breaks and _broken(part.tool_name)):
                return None
            call_id = encode_basestring(part.tool_call_id)
            written.append(f'{{"role":"tool","tool_call_id":{call_id},"content":{encode_basestring(content)}}}')
        elif type(part) is UserPromptPart:
            written.append(f'{{"role":"user","content":{encode_basestring(content)}}}')
        else:
            return None
    return ",".join(written)


def _replied(parts: Sequence[ModelResponsePart], breaks: bool) -> str | None:
    texts: list[str] = []
    calls: list[str] = []
    for part in parts:
        if type(part) is ToolCallPart:
            call = _call(part, breaks)
            if call is None:
                return None
            calls.append(call)
        elif type(part) is TextPart and not (breaks and _broken(part.content)):
            texts.append(part.content)
        else:
            return None
    if not texts and not calls:
        return ""
    content = encode_basestring("\n\n".join(texts)) if texts else "null"
    asked = f',"tool_calls":[{",".join(calls)}]' if calls else ""
    return f'{{"role":"assistant","content":{content}{asked}}}'


def _call(part: ToolCallPart, breaks: bool) -> str | None:
    args = part.args_as_json_str()
    if part.provider_details or not part.tool_call_id or (breaks and _breaks_a_token(part, args)):
        return None
    call_id, name = encode_basestring(part.tool_call_id), encode_basestring(part.tool_name)
    return f'{{"id":{call_id},"type":"function","function":{{"name":{name},"arguments":{encode_basestring(args)}}}}}'


def _breaks_a_token(part: ToolCallPart, args: str) -> bool:
    """Whether a call holds a token, or may hold one behind a backslash; `args` is how its arguments are sent."""
    if _begins_a_token(args) and (type(part.args) is not str or "\\" in part.args or _broken(part.args)):
        return True
    return _broken(part.tool_name)


def _broken(text: str) -> bool:
    return _begins_a_token(text) and break_special_tokens(text) != text


def _begins_a_token(text: str) -> bool:
    return "<" in text or "[" in text or "]" in text
