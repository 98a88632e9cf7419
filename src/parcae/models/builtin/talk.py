"""A conversation as the builtin models read it: prompts, and what tools answered. Knows nothing of skills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parcae.core.protocols import JsonValue, Request, ToolSpec

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A tool call and what came back; `failed` if the tool refused."""

    tool: str
    arguments: Mapping[str, JsonValue]
    result: str
    failed: bool = False

    @property
    def argument(self) -> str:
        """The value of the first argument, as text; "" without any."""
        return str(next(iter(self.arguments.values()), ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """All that was said. `prompts` are the user's texts, the opening first; `tools` are those offered now."""

    system: str
    prompts: tuple[str, ...]
    exchanges: tuple[Exchange, ...]
    tools: tuple[ToolSpec, ...]

    @property
    def opening(self) -> str:
        """The first prompt; "" if there is none."""
        return self.prompts[0] if self.prompts else ""

    @property
    def latest(self) -> str:
        """The newest prompt; "" if there is none."""
        return self.prompts[-1] if self.prompts else ""

    @property
    def offered(self) -> frozenset[str]:
        """The names of the tools that may be called now."""
        return frozenset(tool.name for tool in self.tools)

    @property
    def used(self) -> frozenset[str]:
        """The names of the tools that were called."""
        return frozenset(exchange.tool for exchange in self.exchanges)

    def results_of(self, tool: str) -> tuple[Exchange, ...]:
        """What came of the calls of `tool`, in order."""
        return tuple(exchange for exchange in self.exchanges if exchange.tool == tool)


def read_talk(request: Request) -> Talk:
    """The conversation in `request`. A call without an answer is left out; so is what is not text."""
    system: list[str] = []
    prompts: list[str] = []
    calls: dict[str, tuple[str, Mapping[str, JsonValue]]] = {}
    exchanges: list[Exchange] = []
    for message in request.messages:
        for part in message.parts:
            match part.part_kind:
                case "system-prompt":
                    system.append(_text(part.content))
                case "user-prompt":
                    prompts.append(_text(part.content))
                case "tool-call":
                    calls[part.tool_call_id] = (part.tool_name, _arguments(part))
                case "tool-return" | "retry-prompt":
                    name, arguments = calls.get(part.tool_call_id, (part.tool_name or "", {}))
                    exchanges.append(
                        Exchange(tool=name, arguments=arguments, result=_text(part.content), failed=_failed(part))
                    )
    system += [text for message in request.messages if (text := _instructions(message))]
    return Talk(
        system="\n".join(system), prompts=tuple(prompts), exchanges=tuple(exchanges), tools=tuple(request.tools)
    )


def _instructions(message: ModelMessage) -> str:
    return str(getattr(message, "instructions", None) or "")


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list | tuple):
        return "\n".join(part if isinstance(part, str) else str(getattr(part, "content", "")) for part in content)
    return str(content)


def _arguments(part: object) -> Mapping[str, JsonValue]:
    try:
        arguments: Mapping[str, JsonValue] = part.args_as_dict(raise_if_invalid=True)  # type: ignore[attr-defined]  # a call part
    except (ValueError, AssertionError):
        return {}
    return arguments


def _failed(part: object) -> bool:
    return getattr(part, "part_kind", "") == "retry-prompt" or getattr(part, "outcome", "success") != "success"
