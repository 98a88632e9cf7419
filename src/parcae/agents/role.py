"""What makes an agent this agent: a frozen value of prompts, tools and limits. Knows nothing of models or money."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from parcae.agents.conversation import Conversation, Talk
from parcae.core.protocols import JsonValue, Tool
from parcae.core.scope import Scope
from parcae.core.task import Task

Converse = Callable[[str, int | None], Talk]
FirstCall = Callable[[Task, Scope], tuple[str, Mapping[str, JsonValue]]]


def whole_conversation(system: str, window: int | None) -> Talk:
    """Every step word for word, whatever its length."""
    return Conversation(system, ())


def whole_text(text: str) -> tuple[str, ...]:
    """The answer is the text itself; nothing if it is blank."""
    return (text.strip(),) if text.strip() else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An agent's prompts, tools and limits.

    `opening` renders the first question. `first_call` is a call that the harness makes before the model says anything.
    `max_steps` counts the model's turns; the last one is offered no tools. Then, or as soon as the model answers
    without a call, `final_question` is asked once and `read_answer` takes the names from its reply; without a final
    question the last text is the answer. `closing` names tools that end the attempt once one of them was called without
    an error; the tool's result is then the answer. `converse` makes what keeps the history, from the system prompt and
    the most tokens that its messages may have (None: any). `made`, if given, takes the answer from what the attempt
    made instead. `max_tokens` bounds each reply, reasoning included.
    """

    name: str
    system: str
    opening: Callable[[Task, Scope], str]
    tools: tuple[Tool, ...] = ()
    max_steps: int = 10
    first_call: FirstCall | None = None
    final_question: str | None = None
    closing: frozenset[str] = frozenset()
    read_answer: Callable[[str], tuple[str, ...]] = whole_text
    converse: Converse = whole_conversation
    made: Callable[[Scope], tuple[str, ...]] | None = None
    max_tokens: int = 1024
    temperature: float | None = 0.8

    @property
    def version(self) -> str:
        """The version of its prompts: eight hexadecimal digits that change with the system prompt or last question."""
        told = f"{self.system}\0{self.final_question or ''}"
        return hashlib.sha256(told.encode()).hexdigest()[:8]
