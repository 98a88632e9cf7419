"""What an attempt did in a step, as (tool, arguments); and the exact node of a flow graph that it belongs to.

Source: Lachesis (arXiv 2412.08281): a node is a tool with its normalised argument.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic_core import from_json

from parcae.core.trajectory import Step

ANSWER = "answer"
_INVALID = "INVALID_JSON"  # where pydantic-ai puts arguments that are no object


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One tool call. `arguments` is JSON text with sorted keys."""

    tool: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A point that attempts pass: a tool with its normalised argument, or ("answer", a name)."""

    tool: str
    argument: str


def calls_of(step: Step) -> tuple[Call, ...]:
    """The tool calls of `step`, in the order of its reply."""
    if step.reply is None:
        return ()
    return tuple(
        Call(tool=call.tool_name, arguments=json.dumps(call.args_as_dict(), sort_keys=True, ensure_ascii=False))
        for call in step.reply.tool_calls
    )


def call_of(tool: str, arguments: str) -> Call:
    """The same from the text of the arguments as the model wrote it; what is no object is kept as it stands."""
    try:
        found = from_json(arguments) if arguments else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        found = {_INVALID: arguments}
    return Call(tool=tool, arguments=json.dumps(found, sort_keys=True, ensure_ascii=False))


def exact_node(call: Call) -> Node:
    """The node of `call`: white space and letter case of its argument values do not count."""
    values = json.loads(call.arguments)
    argument = ", ".join(str(value) for value in values.values()) if isinstance(values, dict) else str(values)
    return Node(tool=call.tool, argument=" ".join(argument.split()).lower())
