"""What one provider understands in a single message, and how to say the rest in plain text.

Knows nothing of the messages around it: see `repair`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar, cast

from pydantic_ai.messages import (
    FilePart,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_core import from_json

from parcae.core.protocols import Modality
from parcae.models.memo import PerMessage

EMPTY = "(nothing)"
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # OpenAI's and Anthropic's rule for tool names
CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SURROGATES = re.compile("[\ud800-\udfff]")
_IdPart = TypeVar("_IdPart", ToolCallPart, ToolReturnPart)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a model understands. `wire` is the format, `system` pydantic-ai's name of who serves it."""

    wire: str
    system: str
    modalities: frozenset[Modality] = frozenset({"text"})


class Shape(NamedTuple):
    """What the rules of a conversation ask of one message: ids of its calls (a reply) or of its results (a request).

    `tidy`: no id twice, and results first. `system`: where system prompts stand: "" (none), "leading" or "later".
    """

    is_reply: bool
    ids: tuple[str, ...]
    tidy: bool
    system: str


def clean(messages: Sequence[ModelMessage], to: Dialect) -> list[tuple[ModelMessage | None, Shape]]:
    """Each message in a form that `to` understands, None if it was so already; and its shape. Remembered."""
    kept = _cleaned.get(to)
    if kept is None:
        kept = _cleaned[to] = PerMessage(_cleaner(to))
    return kept.of_all(messages)


_cleaned: dict[Dialect, PerMessage[tuple[ModelMessage | None, Shape]]] = {}


def _cleaner(to: Dialect) -> Callable[[ModelMessage], tuple[ModelMessage | None, Shape]]:
    def cleaned(message: ModelMessage) -> tuple[ModelMessage | None, Shape]:
        shape = _shape_as_it_is(message, to)
        if shape is not None:
            return None, shape
        if isinstance(message, ModelRequest):
            asked = [part for old in message.parts for part in _request_part(old, to)]
            new = None if asked and _same(asked, message.parts) else replace(message, parts=asked or [_empty_prompt()])
            return new, _shape_of_request(new or message)
        said = [part for old in message.parts if (part := _response_part(old, message, to)) is not None]
        kept = said and _same(said, message.parts)
        reply = None if kept else replace(message, parts=said or [TextPart(content=EMPTY)])
        calls = tuple([part.tool_call_id for part in said if isinstance(part, ToolCallPart)])
        return reply, Shape(True, calls, len(calls) < 2 or len(set(calls)) == len(calls), "")

    return cleaned


def _shape_as_it_is(message: ModelMessage, to: Dialect) -> Shape | None:
    """The shape of a message of nothing but text results, or of texts and calls, that may stay; else None.

    Nearly every message of a run is one, and this is a third of the work of looking closer.
    """
    is_reply = not isinstance(message, ModelRequest)
    ids: list[str] = []
    for part in message.parts:
        if type(part) is ToolReturnPart:
            content = part.content
            fine = type(content) is str and _text(content) is content
        elif type(part) is ToolCallPart:
            fine = part.provider_name in (None, to.system) and _is_object(part.args)
        else:
            if type(part) is not TextPart or _said(part, to) is not part:
                return None
            continue
        if not fine or NAME.fullmatch(part.tool_name) is None or CALL_ID.fullmatch(part.tool_call_id) is None:
            return None
        ids.append(part.tool_call_id)
    return Shape(is_reply, tuple(ids), len(ids) < 2 or len(set(ids)) == len(ids), "") if message.parts else None


def _is_object(args: object) -> bool:
    """Whether `args` is text of a JSON object that any body can carry."""
    if type(args) is not str or _text(args) is not args:
        return False
    try:
        return type(from_json(args)) is dict
    except ValueError:
        return False


def _shape_of_request(message: ModelRequest) -> Shape:
    kinds = [part.part_kind for part in message.parts]
    results = tuple([part.tool_call_id for part in message.parts if isinstance(part, ToolReturnPart)])
    first = not results or kinds[: len(results)].count("tool-return") == len(results)
    prompts = kinds.count("system-prompt")
    leading = "leading" if kinds[:prompts].count("system-prompt") == prompts else "later"
    return Shape(False, results, first and len(set(results)) == len(results), leading if prompts else "")


def _empty_prompt() -> UserPromptPart:
    return UserPromptPart(content=EMPTY)


def _same(new: Sequence[object], old: Sequence[object]) -> bool:
    return len(new) == len(old) and all(a is b for a, b in zip(new, old, strict=True))


# ---- what was asked -------------------------------------------------------------------------------------------------


def _request_part(part: ModelRequestPart, to: Dialect) -> list[ModelRequestPart]:
    if isinstance(part, ToolReturnPart):
        return _tool_return(part, to)
    if isinstance(part, UserPromptPart):
        content = _user_content(part.content, to)
        return [part if content is part.content else replace(part, content=content)]
    if isinstance(part, SystemPromptPart):
        if not part.content.strip():
            return []
        text = _text(part.content)
        return [part if text is part.content else replace(part, content=text)]
    said = _plain(part)
    if getattr(part, "part_kind", "") == "retry-prompt" and getattr(part, "tool_name", None):
        name, call_id = _name(part.tool_name), _call_id(part.tool_call_id)  # type: ignore[union-attr, arg-type]  # checked above
        return [ToolReturnPart(tool_name=name, content=said, tool_call_id=call_id, outcome="failed")]
    return [UserPromptPart(content=said)] if said else []


def _tool_return(part: ToolReturnPart, to: Dialect) -> list[ModelRequestPart]:
    name, call_id, content = _name(part.tool_name), _call_id(part.tool_call_id), part.content
    text = _text(content) if isinstance(content, str) else _observed(content, to)
    if name is part.tool_name and call_id is part.tool_call_id and text is content:
        return [part]
    return [replace(part, tool_name=name, tool_call_id=call_id, content=text)]


def _observed(content: object, to: Dialect) -> object:
    """What a tool gave back that is not one text: kept if the model can take it in, else said."""
    if isinstance(content, list | tuple):
        kept = [_observed(item, to) for item in content]
        return content if all(a is b for a, b in zip(kept, content, strict=True)) else kept
    modality = modality_of(content)
    return content if modality is None or modality in to.modalities else _left_out(modality)


def _user_content(content: Any, to: Dialect) -> Any:
    if isinstance(content, str):
        return _text(content) if content.strip() else EMPTY
    kept = [_user_item(item, to) for item in content]
    kept = [item for item in kept if not isinstance(item, str) or item.strip()]
    return content if kept and _same(kept, content) else kept or EMPTY


def _user_item(item: object, to: Dialect) -> object:
    if isinstance(item, str):
        return _text(item)
    modality = modality_of(item)
    return item if modality is None or modality in to.modalities else _left_out(modality)


def returned_text(part: ToolReturnPart) -> str:
    """A tool's result as something that is said."""
    return f"[result of {part.tool_name} ({part.tool_call_id})]\n{part.model_response_str()}"


# ---- what was replied -----------------------------------------------------------------------------------------------


def _response_part(part: ModelResponsePart, message: ModelResponse, to: Dialect) -> ModelResponsePart | None:
    if isinstance(part, TextPart):
        return _said(part, to)
    if isinstance(part, ToolCallPart):
        return _call(part, to)
    if isinstance(part, ThinkingPart):
        return _thought(part, message, to)
    if (
        part.provider_name if hasattr(part, "provider_name") else message.provider_name
    ) == to.system and not isinstance(part, FilePart):
        return part
    if isinstance(part, FilePart):
        return TextPart(content="[a file that was made here is left out]")
    said = _plain(part)
    return TextPart(content=said) if said else None


def _said(part: TextPart, to: Dialect) -> TextPart | None:
    if not part.content.strip():
        return None
    text = _text(part.content)
    foreign = part.provider_name not in (None, to.system)
    if text is part.content and not foreign:
        return part
    return TextPart(content=text)


def _call(part: ToolCallPart, to: Dialect) -> ToolCallPart:
    name, call_id, args = _name(part.tool_name), _call_id(part.tool_call_id), _args(part.args)
    foreign = part.provider_name not in (None, to.system)
    if name is part.tool_name and call_id is part.tool_call_id and args is part.args and not foreign:
        return part
    return ToolCallPart(tool_name=name, args=args, tool_call_id=call_id)


def _thought(part: ThinkingPart, message: ModelResponse, to: Dialect) -> ModelResponsePart | None:
    """Reasoning stays with who signed it; elsewhere it is said, without its signature."""
    if (part.provider_name or message.provider_name) == to.system:
        return part
    return TextPart(content=f"[earlier reasoning]\n{_text(part.content)}") if part.content.strip() else None


def _args(args: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    """Arguments that are a JSON object; anything else is wrapped, as it was, so that the model sees its mistake."""
    if args is None or args == "":
        return args
    if isinstance(args, dict):
        return args
    try:
        parsed = json.loads(args)
    except ValueError:
        return {"malformed_arguments": _text(args)}
    if not isinstance(parsed, dict):
        return {"malformed_arguments": _text(args)}
    return args if _SURROGATES.search(args) is None else json.dumps(parsed)


# ---- words ----------------------------------------------------------------------------------------------------------


def _plain(part: object) -> str:
    """What a part that only one provider or library knows says, in words."""
    respond = getattr(part, "model_response", None)
    if callable(respond):
        return _text(str(respond()))
    kind, name = getattr(part, "part_kind", "part"), getattr(part, "tool_name", "")
    if kind == "builtin-tool-call":
        return _text(f"[called {name} with {getattr(part, 'args', '')}]")
    content = getattr(part, "content", None)
    if content is None or content == "":
        return ""
    prefix = f"[result of {name}]\n" if name else ""
    return prefix + _text(content if isinstance(content, str) else json.dumps(content, default=str))


def _text(text: str) -> str:
    """`text` itself unless it holds half a character, which no JSON body can carry."""
    return text if text.isascii() or _SURROGATES.search(text) is None else _SURROGATES.sub("\ufffd", text)


def _name(name: str) -> str:
    if NAME.fullmatch(name):
        return name
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "unnamed"


def _call_id(call_id: str) -> str:
    """An id that every provider takes: the same one for the same id, wherever it stands."""
    if CALL_ID.fullmatch(call_id):
        return call_id
    return "call-" + hashlib.blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def with_id(part: _IdPart, call_id: str) -> _IdPart:
    """`part` under another call id."""
    return replace(part, tool_call_id=call_id)


# ---- pictures, sounds, papers --------------------------------------------------------------------------------------


def modality_of(content: object) -> Modality | None:
    """What it takes to take `content` in; None for text."""
    kind = getattr(content, "kind", None)
    if not isinstance(kind, str):
        return None
    by_kind: dict[str, Modality] = {"image-url": "image", "audio-url": "audio", "document-url": "document"}
    if kind in by_kind:
        return by_kind[kind]
    if kind in ("binary", "uploaded-file", "video-url"):
        media = str(getattr(content, "media_type", ""))
        return "image" if media.startswith("image/") else "audio" if media.startswith("audio/") else "document"
    return None


def modalities_in(message: ModelMessage) -> frozenset[Modality]:
    """Everything beside text that a message holds."""
    held = {modality_of(item) for part in message.parts for item in _items(getattr(part, "content", None))}
    return frozenset(cast("set[Modality]", held - {None}))


def _items(content: object) -> list[object]:
    if isinstance(content, list | tuple):
        return [item for one in content for item in _items(one)]
    return [content]


def _left_out(modality: Modality) -> str:
    return f"[one {modality} is left out: this model takes none in]"
