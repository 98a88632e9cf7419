"""Scripted employees for the tests here: pure functions of what an employee reads, so that any run can be repeated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart, UserPromptPart

from parcae.core.protocols import Model, Request, Tool
from parcae.core.task import Task
from parcae.core.usage import Price
from parcae.models.scripted import ScriptedModel, call, say, together
from parcae.organization.company import Company
from parcae.organization.limits import CompanyLimits
from parcae.organization.staff import RANKS, Staffing

GOAL = Task(id="goal", kind="goal", question="Write one line for each of the words.", comparable=False)
PRICE = Price(prompt_usd=1.0, completion_usd=2.0)
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
        return self.text.removeprefix("You are ").partition(":")[0]

    @property
    def task(self) -> str:
        return self.section("Your task")

    def section(self, title: str) -> str:
        found = re.search(rf"^# {re.escape(title)}\n(.*?)(?=^# |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return "" if found is None else found[1].strip()

    @property
    def waiting(self) -> list[str]:
        """Whose results wait for review."""
        return re.findall(r"^- (\S+): ", self.section("Results that wait for your review"), re.MULTILINE)

    @property
    def letters(self) -> str:
        return self.section("Letters")

    @property
    def open_people(self) -> list[str]:
        people = self.section("People you deal with")
        return re.findall(r"^- (\S+) \(reports to you, (?:working|handed_in)\)", people, re.MULTILINE)


def model(name: str, scripts: Mapping[str, Script] | Script, *, price: Price = PRICE, latency: float = 0.0) -> Model:
    """A model that lets each employee follow the script of its name (up to its first dash), else that of "*"."""

    def reply(request: Request) -> ModelResponse:
        seen = Seen(request)
        if callable(scripts):
            said = scripts(seen)
        else:
            script = scripts.get(seen.name) or scripts.get(seen.name.partition("-")[0]) or scripts["*"]
            said = script(seen)
        return numbered(said, len(request.messages))

    return ScriptedModel(name, iter(lambda: reply, None), price=price, latency_seconds=latency)


def numbered(reply: ModelResponse, messages: int) -> ModelResponse:
    parts = [
        replace(part, tool_call_id=f"{messages}-{place}") if isinstance(part, ToolCallPart) else part
        for place, part in enumerate(reply.parts)
    ]
    return replace(reply, parts=parts)


def company(
    *models: Model, limits: CompanyLimits | None = None, tools: tuple[Tool, ...] = (), **changes: object
) -> Company:
    staffing = Staffing(ladders=dict.fromkeys(RANKS, models), tools=tools, max_tokens=200)
    known = {name: changes.pop(name) for name in list(changes) if name in Staffing.__dataclass_fields__}
    return Company(
        staffing=replace(staffing, **known),  # type: ignore[arg-type]  # the fields of a Staffing
        limits=limits or CompanyLimits(),
        **changes,  # type: ignore[arg-type]  # the fields of a Company
    )


# ---- a small company that any test can use: the boss hires writers, reviews them, and hands in


def boss_of(*words: str) -> Script:
    """Hires one writer a word, accepts what they hand in, and hands in when nobody is at work any more."""

    def script(seen: Seen) -> ModelResponse:
        if seen.replies == 0 and not seen.open_people and "you hired" not in seen.text:
            hires = [call("hire", name=f"writer-{word}", role="writer", task=f"Write about {word}.") for word in words]
            return together(*hires, call("wait"))
        if seen.replies == 0 and seen.waiting:
            return together(*(call("review", name=name, verdict="accept") for name in seen.waiting))
        if set(seen.open_people) - set(seen.waiting):
            return call("wait")
        return call("hand_in", summary="all is written", files=[])

    return script


def writer(seen: Seen) -> ModelResponse:
    """Says what it wrote and hands in, in one reply."""
    word = seen.task.split()[-1].strip(".")
    return call("hand_in", summary=f"about {word}")


SMALL = {"boss": boss_of("ant", "bee"), "writer": writer}

__all__ = [
    "GOAL",
    "PRICE",
    "SMALL",
    "Script",
    "Seen",
    "boss_of",
    "call",
    "company",
    "model",
    "say",
    "together",
    "writer",
]
