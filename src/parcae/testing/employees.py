"""Scripted employees: a company for tests and demonstrations whose models need no provider.

A script is a pure function of what an employee reads, so that any run can be repeated and resumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart, UserPromptPart

from parcae.core.protocols import Request
from parcae.core.usage import Price
from parcae.models.scripted import ScriptedModel

PRICE = Price(prompt_usd=1.0, completion_usd=2.0, nominal=True)
Script = Callable[["Seen"], ModelResponse]


class Seen:
    """What an employee sees in one request: its dossier, and what came of its calls in this turn."""

    def __init__(self, request: Request) -> None:
        self.request = request
        first = request.messages[0]
        assert isinstance(first, ModelRequest)
        self.text = "\n".join(str(part.content) for part in first.parts if isinstance(part, UserPromptPart))
        self.returns = [
            part
            for message in request.messages
            if isinstance(message, ModelRequest)
            for part in message.parts
            if isinstance(part, ToolReturnPart)
        ]
        self.replies = sum(isinstance(message, ModelResponse) for message in request.messages)

    @property
    def name(self) -> str:
        """Who reads."""
        return self.text.removeprefix("You are ").partition(":")[0]

    @property
    def task(self) -> str:
        """Its task."""
        return self.section("Your task")

    def section(self, title: str) -> str:
        """What stands under a heading of the dossier."""
        found = re.search(rf"^# {re.escape(title)}\n(.*?)(?=^# |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return "" if found is None else found[1].strip()

    @property
    def waiting(self) -> list[str]:
        """Whose results wait for review."""
        return re.findall(r"^- (\S+): ", self.section("Results that wait for your review"), re.MULTILINE)

    @property
    def letters(self) -> str:
        """What came in."""
        return self.section("Letters")

    @property
    def open_people(self) -> list[str]:
        """Those who report to this one and are not done."""
        people = self.section("People you deal with")
        return re.findall(r"^- (\S+) \(reports to you, (?:working|handed_in)\)", people, re.MULTILINE)


def employees(
    name: str, scripts: Mapping[str, Script] | Script, *, price: Price = PRICE, latency_seconds: float = 0.0
) -> ScriptedModel:
    """A model that lets each employee follow the script of its name (up to its first dash), else that of "*"."""

    def reply(request: Request) -> ModelResponse:
        seen = Seen(request)
        if callable(scripts):
            said = scripts(seen)
        else:
            script = scripts.get(seen.name) or scripts.get(seen.name.partition("-")[0]) or scripts["*"]
            said = script(seen)
        return numbered(said, len(request.messages))

    return ScriptedModel(name, iter(lambda: reply, None), price=price, latency_seconds=latency_seconds)


def numbered(reply: ModelResponse, messages: int) -> ModelResponse:
    """`reply` with call ids that depend on the length of the conversation only."""
    parts = [
        replace(part, tool_call_id=f"{messages}-{place}") if isinstance(part, ToolCallPart) else part
        for place, part in enumerate(reply.parts)
    ]
    return replace(reply, parts=parts)
