"""Writing to colleagues. Durable before acknowledged, once for each call, never beyond what routing allows."""

# ruff: noqa: D417  # docstrings here are what models read: parameters that are filled in are hidden from them
from __future__ import annotations

from parcae.core.protocols import Tool, ToolRefused
from parcae.core.scope import Scope
from parcae.organization.chart import Employee
from parcae.organization.events import Sent
from parcae.organization.office import Office
from parcae.organization.routing import group_of, recipient
from parcae.tools.function import CallKey, function_tool

GROUP = "group"
LONGEST = 8_000


def letter_tools(office: Office) -> tuple[Tool, ...]:
    """`send_message`."""

    async def send_message(scope: Scope, key: CallKey, to: str, text: str) -> str:
        """Write to your superior, to those who report to you, or to your own group; it is read in their next turn.

        Args:
            to: a name, or "group" for everybody in your group.
            text: what they must know.
        """
        sender = office.who(scope)
        if not text.strip():
            raise ToolRefused("the message is empty; nothing was sent")
        if len(text) > LONGEST:
            raise ToolRefused(f"a message has {LONGEST} characters at most: put the text in a file and name the file")
        to_all = to.strip().lower() == GROUP
        many = group_of(office.chart, sender) if to_all else [recipient(office.chart, sender, to)]
        if not many:
            raise ToolRefused("you have no group; write to your superior")
        keyed = [(one, f"{key}/{one.name}" if to_all else str(key)) for one in many]
        fresh = [(one, own) for one, own in keyed if office.did(Sent, own) is None]
        if office.limits.letters and not to_all and fresh:
            _not_too_much(office, sender, many[0])
        if fresh:
            await office.record(*(office.letter(own, sender.name, one, "message", text) for one, own in fresh))
        return f"sent to {', '.join(one.name for one in many)}"

    return (function_tool(send_message, effect="outside", keyed=True, waits=True),)


def _not_too_much(office: Office, sender: Employee, to: Employee) -> None:
    """Talk without work in between ends: ping-pong cannot go on for ever.

    Raises:
        ToolRefused: these two have exchanged enough letters since either handed in or reviewed anything.
    """
    if office.chats.get(sender.name, {}).get(to.name, 0) >= 2 * office.limits.letters:
        raise ToolRefused(
            f"you and {to.name} have exchanged {2 * office.limits.letters} messages without any result; act on what "
            "you know, and hand in"
        )
