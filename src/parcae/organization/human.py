"""A person in the loop: questions that wait for an answer, calls that wait for approval, and a way to step in.

Whatever a person does comes through the journal, from this process or another one. Knows nothing of terminals.
"""

# ruff: noqa: D417  # docstrings here are what models read: parameters that are filled in are hidden from them
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from parcae.core.protocols import JsonValue, Tool, ToolRefused, ToolSpec
from parcae.core.scope import Scope
from parcae.organization.events import Controlled, HumanAsked
from parcae.organization.office import Office
from parcae.tools.function import CallKey, function_tool

ASKED = "your question is put to a person; the answer comes as a letter, go on with something else or wait"


def human_tools(office: Office) -> tuple[Tool, ...]:
    """`ask_human`."""

    async def ask_human(scope: Scope, key: CallKey, question: str) -> str:
        """Ask the person for whom the company works; only what nobody here can know or decide.

        Args:
            question: one clear question, with what depends on it.
        """
        who = office.who(scope)
        if office.did(HumanAsked, key) is None:
            await office.record(HumanAsked(scope=who.scope, key=key, question=question))
        return ASKED

    return (function_tool(ask_human, effect="outside", keyed=True, waits=True),)


@dataclass(frozen=True, slots=True)
class Approved:
    """A tool whose every call a person must allow first."""

    tool: Tool
    office: Office

    @property
    def spec(self) -> ToolSpec:
        """The tool's own."""
        return self.tool.spec

    async def call(self, arguments: Mapping[str, JsonValue], scope: Scope, *, key: str) -> str:
        """Ask once for each set of arguments; do it when a person has said yes.

        Raises:
            ToolRefused: the approval is still out, or was not given.
        """
        who = self.office.who(scope)
        asked = f"{who.name}/{self.spec.name}/{_same(arguments)}"
        answer = self.office.answers.get(asked)
        if answer is None:
            if asked not in self.office.questions:
                question = f"{who.name} wants to call {self.spec.name} with {_same(arguments)}: yes or no?"
                event = HumanAsked(scope=who.scope, key=asked, question=question, tool=self.spec.name)
                await self.office.record(event)
            raise ToolRefused("a person must allow this first and was asked; call it again when the answer comes")
        if answer.strip().lower() not in ("yes", "y"):
            raise ToolRefused(f"a person did not allow this: {answer}")
        return await self.tool.call(arguments, scope, key=key)


def _same(arguments: Mapping[str, JsonValue]) -> str:
    import json

    return json.dumps(arguments, sort_keys=True, ensure_ascii=False)[:2_000]


async def obey(office: Office, event: Controlled) -> None:
    """Pass on what a person wrote: letters to employees, answers to who asked."""
    if event.action == "answer":
        asked = next((one for one in office.chart.employees.values() if event.to == one.name), None)
        if asked is not None:
            text = f"A person answers your question: {event.text}"
            await office.record(office.letter(f"{event.key}/letter", "human", asked, "answer", text))
    elif event.action == "message" and event.to in office.chart.employees:
        to = office.chart.employees[event.to]
        await office.record(office.letter(f"{event.key}/letter", "human", to, "human", event.text))
