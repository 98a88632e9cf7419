"""Who may write to whom, enforced in code: own superior, own subordinates, own group; admins among each other.

Whoever may not is told the right contact. Knows nothing of letters.
"""

from __future__ import annotations

from parcae.core.protocols import ToolRefused
from parcae.organization.chart import Chart, Employee


def may_write(chart: Chart, sender: Employee, to: Employee) -> bool:
    """Whether a letter from `sender` to `to` is in order."""
    if sender is to:
        return False
    if to.name == sender.by or sender.name == to.by:
        return True
    if sender.by and sender.by == to.by:
        return True
    return sender.rank != "agent" and to.rank != "agent"


def recipient(chart: Chart, sender: Employee, name: str) -> Employee:
    """The employee `name`, if `sender` may write to it.

    Raises:
        ToolRefused: there is no such employee, it has left, or it is out of reach; the message names whom to ask.
    """
    to = chart.employees.get(name)
    if to is None:
        known = ", ".join(one.name for one in contacts(chart, sender))
        raise ToolRefused(f"nobody here is called {name!r}; you can write to: {known}, or to 'group'")
    if to.status == "left":
        heir = next((one.name for one in chart.employees.values() if one.replaces == name), None)
        raise ToolRefused(f"{name} has left the company; write to {heir or _contact(chart, sender, to)} instead")
    if not may_write(chart, sender, to):
        why = "yourself" if to is sender else f"{name}, who is not in your group"
        raise ToolRefused(f"you cannot write to {why}; write to {_contact(chart, sender, to)}, who can pass it on")
    return to


def group_of(chart: Chart, sender: Employee) -> list[Employee]:
    """Whom a broadcast reaches: the group that `sender` leads; who leads none, its own group."""
    return chart.subordinates(sender) or chart.colleagues(sender)


def contacts(chart: Chart, sender: Employee) -> list[Employee]:
    """Superior, subordinates and group of `sender`: those it deals with."""
    superior = chart.employees.get(sender.by)
    near = [] if superior is None else [superior]
    return [*near, *chart.subordinates(sender), *chart.colleagues(sender)]


def _contact(chart: Chart, sender: Employee, to: Employee) -> str:
    """Whom `sender` may write to that is nearest to `to`: one of its superiors, else the sender's own superior."""
    one = chart.employees.get(to.by)
    while one is not None:
        if one is not sender and one.status != "left" and may_write(chart, sender, one):
            return one.name
        one = chart.employees.get(one.by)
    return sender.by or "somebody whom you hired"
