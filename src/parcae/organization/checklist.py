"""An agent's own list of what is to be done. What it says is compared with the files when a result is handed in."""

# ruff: noqa: D417  # docstrings here are what models read: parameters that are filled in are hidden from them
from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from parcae.core.protocols import Tool
from parcae.core.scope import Scope
from parcae.organization.events import Item, ItemState, Planned
from parcae.organization.office import Office
from parcae.tools.function import CallKey, function_tool

MOST_ITEMS = 50


class Entry(TypedDict):
    """One item as a model gives it."""

    text: str
    state: NotRequired[ItemState]
    evidence: NotRequired[str]


def checklist_tools(office: Office) -> tuple[Tool, ...]:
    """`plan`."""

    async def plan(scope: Scope, key: CallKey, items: list[Entry]) -> str:
        """Write your checklist anew, whole. You can hand in when every item is done or dropped.

        Args:
            items: in their order; state is todo, doing, done or dropped; evidence is a file, for what is done.
        """
        who = office.who(scope)
        if office.did(Planned, key) is None:
            listed = tuple(
                Item(text=one["text"], state=one.get("state", "todo"), evidence=one.get("evidence", ""))
                for one in items[:MOST_ITEMS]
            )
            await office.record(Planned(scope=who.scope, key=key, items=listed))
        return f"{len(who.plan)} items are on your checklist"

    return (function_tool(plan, effect="outside", keyed=True, waits=True),)
