"""Makes any history valid for any provider, so that a conversation can go on with another model.

Every provider asks for the same shape: a request, a reply, a request...; each call of a reply answered in the very next
request, once; each result after its call. A history that was cut, merged or begun elsewhere may break that, and parts
that only one provider understands (signed reasoning, its own tools, pictures) mean nothing to another. Nothing that was
observed is lost: what has no place in the shape is said in plain text. Knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from parcae.core.protocols import Modality, ModelCard
from parcae.models.dialect import Dialect, Shape, clean, modalities_in, returned_text, with_id

__all__ = ["Dialect", "lacks", "repair"]

INTERRUPTED = "interrupted: this call was never answered"
BEGIN = "Go on."
CONTINUE = "Go on."


def repair(messages: Sequence[ModelMessage], to: Dialect) -> list[ModelMessage]:
    """`messages` in a shape that `to` accepts; the same objects wherever nothing had to change.

    Repairing twice changes nothing more. An empty history stays empty.
    """
    entries = clean(messages, to)
    cleaned = [message if entry[0] is None else entry[0] for message, entry in zip(messages, entries, strict=True)]
    return cleaned if _is_valid([shape for _, shape in entries]) else _Mender().mend(cleaned)


def lacks(messages: Sequence[ModelMessage], card: ModelCard) -> frozenset[Modality]:
    """What `messages` hold that the model cannot take in: no swap to it is offered then."""
    held: set[Modality] = set()
    for message in messages:
        held |= modalities_in(message)
    return frozenset(held - card.modalities)


def _is_valid(shapes: Sequence[Shape]) -> bool:
    """Whether messages alternate, end in a request, and every call is answered at once, in place."""
    open_ids: tuple[str, ...] = ()
    used: set[str] = set()
    number_used, reply_wanted = 0, False
    for place, (is_reply, ids, tidy, system) in enumerate(shapes):
        if is_reply is not reply_wanted or not tidy:
            return False
        if is_reply:
            used.update(ids)
            number_used += len(ids)
            open_ids = ids
        elif (ids != open_ids and not _same_ids(ids, open_ids)) or (system and (place or system == "later")):
            return False
        reply_wanted = not reply_wanted
    return len(used) == number_used and (reply_wanted or not shapes)


def _same_ids(results: tuple[str, ...], open_ids: tuple[str, ...]) -> bool:
    return len(results) == len(open_ids) and set(results) == set(open_ids)


class _Mender:
    """Walks a history once and writes a valid one."""

    def __init__(self) -> None:
        self.out: list[ModelMessage] = []
        self.open: dict[str, ToolCallPart] = {}  # calls of the last reply, under the ids they came with
        self.renamed: dict[str, str] = {}
        self.used: set[str] = set()
        self.waiting: list[ModelRequestPart] = []  # what the next request holds, after its results
        self.results: dict[str, ToolReturnPart] = {}

    def mend(self, messages: Sequence[ModelMessage]) -> list[ModelMessage]:
        for message in messages:
            if isinstance(message, ModelRequest):
                for part in message.parts:
                    self._take(part)
            else:
                self._reply(message)
        if messages and (self._holds_something() or not self.out or isinstance(self.out[-1], ModelResponse)):
            self._request(or_say=CONTINUE)
        return self.out

    def _take(self, part: ModelRequestPart) -> None:
        if isinstance(part, ToolReturnPart):
            if part.tool_call_id in self.open and part.tool_call_id not in self.results:
                self.results[part.tool_call_id] = part
            else:
                self.waiting.append(UserPromptPart(content=returned_text(part), timestamp=part.timestamp))
        elif isinstance(part, SystemPromptPart) and not self._opens():
            self.waiting.append(UserPromptPart(content=f"[system] {part.content}", timestamp=part.timestamp))
        else:
            self.waiting.append(part)

    def _opens(self) -> bool:
        """Whether nothing but system prompts was said so far."""
        return not self.out and all(isinstance(part, SystemPromptPart) for part in self.waiting)

    def _reply(self, message: ModelResponse) -> None:
        if self._holds_something() or not self.out:
            self._request(or_say=BEGIN)
        elif isinstance(self.out[-1], ModelResponse):
            if not self.open:  # two replies in a row are one
                last = cast(ModelResponse, self.out.pop())
                whose = last.provider_name if _bound_by_message(last) else message.provider_name
                message = replace(message, parts=[*last.parts, *message.parts], provider_name=whose)
                self._forget(last)
            else:
                self._request(or_say=CONTINUE)
        self.out.append(self._with_fresh_ids(message))

    def _with_fresh_ids(self, message: ModelResponse) -> ModelResponse:
        """Give every call an id that no other call of the conversation has."""
        parts: list[ModelResponsePart] = []
        changed = False
        self.open, self.renamed = {}, {}
        for part in message.parts:
            if not isinstance(part, ToolCallPart):
                parts.append(part)
                continue
            fresh = self._fresh(part.tool_call_id)
            self.used.add(fresh)
            if part.tool_call_id not in self.open:
                self.open[part.tool_call_id], self.renamed[part.tool_call_id] = part, fresh
            else:  # the same id twice in one reply: its result belongs to the first
                self.open[fresh], self.renamed[fresh] = part, fresh
            changed = changed or fresh != part.tool_call_id
            parts.append(part if fresh == part.tool_call_id else with_id(part, fresh))
        return with_parts(message, parts) if changed else message

    def _fresh(self, call_id: str) -> str:
        number, fresh = 1, call_id
        while fresh in self.used:
            number += 1
            fresh = f"{call_id[:32]}-{number}"
        return fresh

    def _forget(self, message: ModelResponse) -> None:
        self.used -= {part.tool_call_id for part in message.parts if isinstance(part, ToolCallPart)}

    def _holds_something(self) -> bool:
        return bool(self.open or self.waiting or self.results)

    def _request(self, *, or_say: str) -> None:
        parts: list[ModelRequestPart] = []
        for call_id, call in self.open.items():
            result, fresh = self.results.get(call_id), self.renamed[call_id]
            if result is None:
                result = ToolReturnPart(
                    tool_name=call.tool_name, content=INTERRUPTED, tool_call_id=fresh, outcome="interrupted"
                )
            elif fresh != call_id:
                result = with_id(result, fresh)
            parts.append(result)
        parts += self.waiting
        if not parts:
            parts = [UserPromptPart(content=or_say)]
        self.out.append(ModelRequest(parts=parts))
        self.open, self.renamed, self.results, self.waiting = {}, {}, {}, []


def _bound_by_message(message: ModelResponse) -> bool:
    """Whether a part is its provider's alone and only the message says whose."""
    return any(isinstance(part, ThinkingPart) and part.provider_name is None for part in message.parts)


def with_parts(message: ModelResponse, parts: Sequence[ModelResponsePart]) -> ModelResponse:
    """`message` with other parts."""
    return replace(message, parts=list(parts))
