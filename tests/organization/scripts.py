"""Scripted companies for the tests here."""

from __future__ import annotations

from dataclasses import replace

from pydantic_ai.messages import ModelResponse

from parcae.core.protocols import Model, Tool
from parcae.core.task import Task
from parcae.models.scripted import call, say, together
from parcae.organization.company import Company
from parcae.organization.limits import CompanyLimits
from parcae.organization.staff import RANKS, Staffing
from parcae.testing.employees import PRICE, Script, Seen, employees, numbered

GOAL = Task(id="goal", kind="goal", question="Write one line for each of the words.", comparable=False)
model = employees


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
    "ModelResponse",
    "Script",
    "Seen",
    "boss_of",
    "call",
    "company",
    "model",
    "numbered",
    "say",
    "together",
    "writer",
]
