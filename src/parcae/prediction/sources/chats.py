"""Attempts from OpenAI chat logs: one JSON object a line with `messages`, as chat completions take and give them.

    {"task_id": "...", "model": "...", "messages": [...], "success": true, "answer": ["..."], "prompt_version": "..."}

`task_id`, `model`, `success`, `answer` and `prompt_version` may also lie in `metadata`; what is null is not there.
Without `task_id` the first user message names the task. Without `answer` the last words of the assistant count, white
space and case aside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from parcae.core.errors import CallerMistake
from parcae.graphs.nodes import Call
from parcae.graphs.turns import Turn
from parcae.prediction.fields import verdict_in
from parcae.prediction.prefixes import Setup
from parcae.prediction.sources.attempts import Attempt


def attempt_from(row: Mapping[str, Any]) -> Attempt:
    """The attempt that one line tells of.

    Raises:
        CallerMistake: `messages` is missing or is not what chat completions take; `success` is no true or false.
    """
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, dict) and "role" in one for one in messages):
        raise CallerMistake("`messages` must be a list of chat messages")
    known = {**(row.get("metadata") or {}), **{name: value for name, value in row.items() if value is not None}}
    tools = tuple(sorted(_tool_name(one) for one in row.get("tools") or ()))
    first = next((_text(one) for one in messages if one["role"] == "user"), "")
    task = str(known.get("task_id", ""))
    return Attempt(
        task_id=task or hashlib.sha256(first.encode()).hexdigest()[:16],
        setup=Setup(model=str(known.get("model", "")), tools=tools, prompt=str(known.get("prompt_version", ""))),
        turns=turns_of(messages, known.get("answer")),
        succeeded=verdict_in(known, "success"),
    )


def turns_of(messages: Sequence[Mapping[str, Any]], answer: object = None) -> tuple[Turn, ...]:
    """One turn for each message of the assistant, with the tool messages that follow it."""
    turns: list[Turn] = []
    for place, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        results = _results(messages[place + 1 :])
        calls = tuple(call for one in message.get("tool_calls") or () if (call := call_from(one)) is not None)
        last = not any(later["role"] == "assistant" for later in messages[place + 1 :])
        turns.append(
            Turn(
                calls=calls,
                observed_chars=sum(map(len, results)),
                errors=sum(map(looks_failed, results)),
                answer=_answer(message, answer) if last and not calls else None,
            )
        )
    if turns and turns[-1].answer is None and answer is not None:
        turns.append(Turn(answer=_named(answer)))
    return tuple(turns)


def call_from(one: Mapping[str, Any]) -> Call | None:
    """A tool call as chat completions write it; None if it names no function."""
    function = one.get("function") or {}
    name, arguments = function.get("name"), function.get("arguments", "{}")
    return None if not name else Call(tool=str(name), arguments=normal_json(arguments))


def normal_json(arguments: object) -> str:
    """Arguments as JSON text with sorted keys; text that is no JSON is kept as one value."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except json.JSONDecodeError:
            arguments = {"text": arguments}
    return json.dumps(arguments, sort_keys=True, ensure_ascii=False)


def looks_failed(result: str) -> bool:
    """Whether a tool's result reads like an error: logs of chats have no field for it."""
    start = result.lstrip()[:200].lower()
    return start.startswith(("error", "traceback", "exception", '{"error"', "<error"))


def _results(following: Sequence[Mapping[str, Any]]) -> list[str]:
    results = []
    for message in following:
        if message["role"] != "tool":
            break
        results.append(_text(message))
    return results


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return "" if content is None else str(content)


def _answer(message: Mapping[str, Any], answer: object) -> tuple[str, ...]:
    return _named(answer) if answer is not None else _named(_text(message))


def _named(answer: object) -> tuple[str, ...]:
    names = answer if isinstance(answer, list) else [answer]
    return tuple(text for name in names if (text := " ".join(str(name).split()).lower()))


def _tool_name(tool: Mapping[str, Any]) -> str:
    return str((tool.get("function") or tool).get("name", ""))
