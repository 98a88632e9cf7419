"""Attempts from mini-swe-agent's `*.traj.json`: bash commands in fenced blocks or as tool calls.

The verdict is `info.resolved` or `resolved`, which a grader adds; without it the attempt has none. The task is
`instance_id`, else the name of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from parcae.core.errors import CallerMistake
from parcae.graphs.nodes import Call
from parcae.graphs.turns import Turn
from parcae.prediction.fields import verdict_in
from parcae.prediction.prefixes import Setup
from parcae.prediction.sources.attempts import Attempt
from parcae.prediction.sources.chats import call_from

FENCED = re.compile(r"```(?:bash|sh|mswea_bash_command)\s*\n(.*?)\n?```", re.DOTALL)
RETURN_CODE = re.compile(r"<returncode>\s*(-?\d+)\s*</returncode>|\"?returncode\"?\s*[:=]\s*(-?\d+)")


def attempt_from(document: Mapping[str, Any], name: str) -> Attempt:
    """The attempt that a trajectory file tells of; `name` is the file's, without its endings.

    Raises:
        CallerMistake: it has no `info` or no `messages`, or `resolved` is no true or false.
    """
    info, messages = document.get("info"), document.get("messages")
    if (
        not isinstance(info, dict)
        or not isinstance(messages, list)
        or not all(isinstance(one, dict) for one in messages)
    ):
        raise CallerMistake("a trajectory of mini-swe-agent has `info` and `messages`")
    config = info.get("config") or {}
    model = (config.get("model") or {}).get("model_name") or (info.get("model_stats") or {}).get("model_name") or ""
    told = info if info.get("resolved") is not None else document
    return Attempt(
        task_id=str(name if document.get("instance_id") in (None, "") else document["instance_id"]),
        setup=Setup(model=str(model), tools=("bash",), prompt=str(info.get("mini_version", ""))),
        turns=_turns(messages, info),
        succeeded=verdict_in(told, "resolved"),
    )


def _turns(messages: list[Any], info: Mapping[str, Any]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for place, message in enumerate(messages):
        if message.get("role") != "assistant":
            continue
        seen = []
        for later in messages[place + 1 :]:
            if later.get("role") == "assistant":
                break
            seen.append(str(later.get("content") or ""))
        calls = _calls(message)
        turns.append(
            Turn(calls=calls, observed_chars=sum(map(len, seen)), errors=min(len(calls), sum(map(_failed, seen))))
        )
    submission = str(info.get("submission") or "").strip()
    ending = Turn(answer=(submission,) if submission else ())
    return (*turns, ending) if info.get("exit_status") else tuple(turns)


def _calls(message: Mapping[str, Any]) -> tuple[Call, ...]:
    called = tuple(call for one in message.get("tool_calls") or () if (call := call_from(one)) is not None)
    commands = [] if called else FENCED.findall(str(message.get("content") or ""))
    fenced = (Call(tool="bash", arguments=json.dumps({"command": command}, ensure_ascii=False)) for command in commands)
    return (*called, *fenced)


def _failed(observation: str) -> bool:
    found = RETURN_CODE.search(observation)
    return found is not None and (found[1] or found[2]) != "0"
