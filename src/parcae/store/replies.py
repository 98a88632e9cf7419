"""A model's reply as plain data with its defaults left out: a third of the text, and of the time to write it.

pydantic-ai gives a reply some forty fields, nearly all of them at their defaults; its readers fill in what is missing.
Replies with parts that are not plain text, thinking or tool calls go through pydantic-ai's own serializer. Knows
nothing of events.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.usage import RequestUsage

if TYPE_CHECKING:
    from pydantic import SerializerFunctionWrapHandler

TAGS = frozenset({"kind", "part_kind"})  # say what a value is, so they are never left out
PLAIN_PARTS = frozenset({TextPart, ThinkingPart, ToolCallPart})
PLAIN_VALUES = frozenset({str, bool, int, float, dict, datetime})
PLAIN_COUNTS = frozenset(field.name for field in fields(RequestUsage)) - {"cost"}


def brief(reply: ModelResponse, whole: SerializerFunctionWrapHandler) -> object:
    """What `whole` gives for `reply`, without the fields that have their defaults where that is simple."""
    usage = reply.usage
    plain = type(usage) is RequestUsage and usage.__dict__.keys() <= PLAIN_COUNTS
    if not plain or type(reply) is not ModelResponse or not all(type(part) in PLAIN_PARTS for part in reply.parts):
        return whole(reply)
    document, parts = _brief(reply), [_brief(part) for part in reply.parts]
    if not all(type(value) in PLAIN_VALUES for one in (document, *parts) for value in one.values()):
        return whole(reply)
    counts = {name: count for name, count in usage.__dict__.items() if count}
    return {"parts": parts, "usage": counts, **document}


def _brief(value: object) -> dict[str, object]:
    known = value.__dict__
    return {name: known[name] for name, default in _DEFAULTS[type(value)] if known[name] != default or name in TAGS}


def _default(field: Field[Any]) -> object:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is dict or field.default_factory is list:
        return field.default_factory()
    return object()


# of each type the fields, with the default that may be left out; a fresh object where it must be written
_DEFAULTS = {
    kind: tuple((field.name, _default(field)) for field in fields(kind) if field.name not in ("parts", "usage"))
    for kind in (ModelResponse, *PLAIN_PARTS)
}
