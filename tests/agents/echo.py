"""A small agent for the tests here: it looks up words and names the longest."""

from __future__ import annotations

import json
from dataclasses import replace

from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart, UserPromptPart

from parcae.agents.role import Role
from parcae.core.protocols import Request
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.models.scripted import ScriptedModel, call, say, together
from parcae.tools.function import function_tool

TASK = Task(id="longest", kind="words", question="Which word is the longest?")
FINAL = "Name it, one a line."


def look_up(word: str) -> str:
    """Say how long a word is.

    Args:
        word: the word.
    """
    return f"{word}: {len(word)}"


def opening(task: Task, scope: Scope) -> str:
    return f"{task.question} ({scope.id})"


def lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line)


def role(**changes: object) -> Role:
    settings: dict[str, object] = {
        "name": "words",
        "system": "You count letters.",
        "opening": opening,
        "tools": (function_tool(look_up, effect="read"),),
        "max_steps": 5,
        "first_call": lambda task, scope: ("look_up", {"word": "a"}),
        "final_question": FINAL,
        "read_answer": lines,
        "max_tokens": 50,
    }
    return Role(**(settings | changes))  # type: ignore[arg-type]  # the fields of Role


def returns_in(request: Request) -> list[ToolReturnPart]:
    return [
        part
        for message in request.messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    ]


def thinker(request: Request) -> ModelResponse:
    """A pure function of the conversation: looks, one of them triple, then an answer that depends on the scope."""
    last = request.messages[-1]
    assert isinstance(last, ModelRequest)
    texts = [str(part.content) for part in last.parts if isinstance(part, UserPromptPart)]
    if FINAL in texts:
        return say(_answer(request))
    seen = len(returns_in(request))
    match seen:
        case 0 | 1:
            return call("look_up", word="bb")
        case 2:
            return together(call("look_up", word="ccc"), call("look_up", word="dddd"), call("nothing", x=1))
        case _:
            return say("I know it now.")


def _answer(request: Request) -> str:
    """Two of three attempts agree."""
    first = request.messages[0]
    assert isinstance(first, ModelRequest)
    text = json.dumps([str(part.content) for part in first.parts])
    return "ccc" if "attempt-2" in text else "dddd"


def numbered(request: Request) -> ModelResponse:
    """What `thinker` says, with call ids that depend on the conversation only."""
    reply = thinker(request)
    parts = [
        replace(part, tool_call_id=f"{len(request.messages)}-{place}") if isinstance(part, ToolCallPart) else part
        for place, part in enumerate(reply.parts)
    ]
    return replace(reply, parts=parts)


class Thinker(ScriptedModel):
    """Asks `thinker` for ever: a pure function of the request."""

    def __init__(self, name: str = "thinker") -> None:
        super().__init__(name, iter(lambda: numbered, None))
