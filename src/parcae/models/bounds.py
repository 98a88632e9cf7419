"""The most tokens that a prompt can have, counted without a tokenizer: never fewer than any provider bills.

A byte-level tokenizer makes at most one token of each UTF-8 byte, so text is bounded by its bytes. What is not text has
a declared bound. Knows nothing of prices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from parcae.core.protocols import Request, ToolSpec
from parcae.models.memo import PerMessage

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage

REQUEST_TOKENS = 64  # what a chat template adds once
MESSAGE_TOKENS = 16  # role, separators
PART_TOKENS = 32  # call ids, names of roles, tags around tool results
TOOLS_TOKENS = 1024  # the hidden prompt that explains tools: Anthropic's published table ends at 699 (2025-10)
TOOL_TOKENS = 64
IMAGE_TOKENS = 50_000  # OpenAI's dearest published image: 2,833 + 8 tiles x 5,667 (gpt-4o-mini, high detail)
JOINER_BYTES = 3  # pydantic-ai breaks chat-template tokens in content with a zero-width joiner
_TOKEN_MARKS = (
    "<|",
    "|>",
    "｜>",
    "_of_turn>",
    "[|",
    "INST]",
    "PROMPT]",
    "_TOOLS]",
    "_RESULTS]",
    "_CALLS]",
    "e~[",
    "]~",
)
_MARK_LETTERS = ("|", ">", "[", "]")  # each mark holds one of them, so a text without is counted at once
UNBOUNDED_TOKENS = 4_000_000  # audio, video, documents, links: as much as the largest window takes


def prompt_bound(request: Request) -> int:
    """The most prompt tokens that `request` can be billed for."""
    tools = TOOLS_TOKENS + sum(tool_bound(tool) for tool in request.tools) if request.tools else 0
    return REQUEST_TOKENS + tools + messages_bound(request.messages)


def messages_bound(messages: Sequence[ModelMessage]) -> int:
    """The most tokens of `messages`. A message object is counted once and remembered for as long as it lives."""
    return sum(map(_known, messages))


def message_bound(message: ModelMessage) -> int:
    """The most tokens of one message, counted afresh."""
    total = MESSAGE_TOKENS + sum(_part_bound(part) for part in message.parts)
    instructions = getattr(message, "instructions", None)
    return total + (_text_bound(instructions) if instructions else 0)


def tool_bound(tool: ToolSpec) -> int:
    """The most tokens of one tool's description: its schema is remembered by the object that holds it."""
    entry = _known_tools.get(id(tool))
    if entry is not None and entry[0] is tool:
        return entry[1]
    schema = json.dumps(tool.parameters, ensure_ascii=False, default=_plain)
    bound = TOOL_TOKENS + _text_bound(tool.name) + _text_bound(tool.description) + _text_bound(schema)
    if len(_known_tools) >= _TOOLS_KEPT:
        _known_tools.clear()
    _known_tools[id(tool)] = (tool, bound)
    return bound


_TOOLS_KEPT = 4096
_arguments_text = json.JSONEncoder(default=str).encode  # made once: `json.dumps` makes one each time
_known = PerMessage(message_bound)
_known_tools: dict[int, tuple[ToolSpec, int]] = {}


def _part_bound(part: object) -> int:
    kind = getattr(part, "part_kind", "")
    bound = PART_TOKENS
    if kind in ("tool-call", "builtin-tool-call"):
        args = part.args  # type: ignore[attr-defined]  # every call part has it
        text = args if isinstance(args, str) else "" if args is None else _arguments_text(args)
        return bound + _text_bound(text) + _names_bound(part)
    if kind in ("tool-return", "builtin-tool-return"):
        bound += _names_bound(part)
    if kind == "thinking":
        bound += _text_bound(getattr(part, "signature", None) or "")
    return bound + _content_bound(getattr(part, "content", None))


def _names_bound(part: object) -> int:
    return sum(_text_bound(getattr(part, name, None) or "") for name in ("tool_name", "tool_call_id"))


def _content_bound(content: object) -> int:
    if content is None:
        return 0
    if isinstance(content, str):
        return _text_bound(content)
    if isinstance(content, list | tuple):
        return sum(_content_bound(item) + PART_TOKENS for item in content)
    if isinstance(content, bool | int | float | dict):
        return _text_bound(json.dumps(content, ensure_ascii=False, default=str))
    if getattr(content, "kind", "") == "text-content":
        return _content_bound(getattr(content, "content", ""))
    return file_bound(content)


def file_bound(content: object) -> int:
    """The declared bound of something that is not text."""
    kind = getattr(content, "kind", "")
    if kind == "cache-point":
        return 0
    if kind == "image-url" or str(getattr(content, "media_type", "")).startswith("image/"):
        return IMAGE_TOKENS
    return UNBOUNDED_TOKENS


def _text_bound(text: str) -> int:
    own = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if not any(letter in text for letter in _MARK_LETTERS):
        return own
    return own + JOINER_BYTES * sum(map(text.count, _TOKEN_MARKS))


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
