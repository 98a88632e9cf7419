"""Hiring and dismissing. Limits queue and never refuse; a task that somebody has is pointed to; nobody starts idle.

Knows nothing of models or turns.
"""

# ruff: noqa: D417  # docstrings here are what models read: parameters that are filled in are hidden from them
from __future__ import annotations

from dataclasses import replace
from typing import Literal

from parcae.core.protocols import Event, Tool, ToolRefused
from parcae.core.scope import Scope
from parcae.organization.chart import Employee
from parcae.organization.events import Hired, HireQueued, HireReturned, Left, Order, Sent
from parcae.organization.office import COMPANY, Office
from parcae.organization.purse import allotment
from parcae.tools.function import CallKey, function_tool

MOST_CHECKS = 8
OWN = "the company is as deep as it may be: the task is put into your own queue, you get it when this turn ends"


def delegation_tools(office: Office) -> tuple[Tool, ...]:
    """`hire` and `dismiss`."""

    async def hire(
        scope: Scope,
        key: CallKey,
        name: str,
        role: str,
        task: str,
        why: str = "",
        tier: Literal["cheap", "strong"] = "cheap",
        share: float | None = None,
        checks: list[str] | None = None,
    ) -> str:
        """Hire somebody for one task; it starts at once, reports to you, and its result comes to you for review.

        Args:
            name: a short name, such as parser-2.
            role: what it is, in a few words.
            task: everything it must know: what to make, where, and when it is done.
            why: why it is needed.
            tier: strong for what is hard, else cheap.
            share: the part of your money to set aside for it, from 0 to 1; left out, it draws on yours as needed.
            checks: what its result must pass: "exists:PATH", "json:PATH", "python:PATH" or "run:COMMAND".
        """
        order = Order(
            name=name, role=role, task=task, why=why, tier=tier, share=share, checks=tuple(checks or ())[:MOST_CHECKS]
        )
        return await ask_for(office, office.who(scope), order, key)

    async def dismiss(scope: Scope, key: CallKey, name: str, why: str) -> str:
        """Dismiss somebody whom you hired, with all below; what they did not spend comes back to you.

        Args:
            name: who.
            why: why.
        """
        who, gone = office.who(scope), office.chart.employees.get(name)
        if gone is None or gone.by != who.name:
            raise ToolRefused(f"{name!r} does not report to you; you can dismiss those whom you hired")
        if gone.status != "left":
            await office.record(*leave(office, gone, by=who.name, why=why, key=str(key)))
        return f"{name} has left"

    waiting = {"effect": "outside", "keyed": True, "waits": True}
    return function_tool(hire, **waiting), function_tool(dismiss, **waiting)  # type: ignore[arg-type]  # the same three settings


async def ask_for(office: Office, superior: Employee, order: Order, key: str) -> str:
    """Hire, queue or point: what came of it, in words.

    Raises:
        ToolRefused: the order makes no sense, or the company is winding up.
    """
    if key in office.orders:
        return _answer(order, *office.orders[key])
    if office.did(Sent, f"{key}/own") is not None:
        return OWN
    if not order.task.strip():
        raise ToolRefused("the task is empty; say what is to be done, where, and when it is done")
    if order.share is not None and not 0 < order.share <= 1:
        raise ToolRefused(f"share must be above 0 and at most 1, not {order.share}")
    if office.winding_up is not None:
        raise ToolRefused(f"nobody is hired any more: {office.winding_up}; do what you can and hand in")
    if (pointed := _pointed(office, superior, order)) is not None:
        return pointed
    named = replace(order, name=office.chart.free_name(order.name))
    limit = hindered(office, superior)
    if limit is None:
        await office.record(*hiring(office, superior, named, key))
        return _answer(order, named.name)
    if superior.depth >= office.limits.depth:
        await office.record(*_own_task(office, superior, named, key, limit))
        return OWN
    await office.record(HireQueued(scope=superior.scope, key=key, by=superior.name, order=named, limit=limit))
    return _answer(order, named.name, limit)


def hiring(
    office: Office,
    superior: Employee | None,
    order: Order,
    key: str,
    *,
    replaces: Employee | None = None,
    rung: int | None = None,
) -> tuple[Event, ...]:
    """The events of a hire: the newcomer and, always, its first letter."""
    above = office.scope.id if superior is None else superior.scope
    money = None if superior is None else allotment(office, superior, order.share)
    if replaces is not None:
        above, money = replaces.scope, None  # what is left of the money that was set aside goes with the task
    hired = Hired(
        scope=f"{above}/{order.name}",
        key=key,
        by="" if superior is None else superior.name,
        order=order,
        allotted_usd=money,
        replaces=None if replaces is None else replaces.name,
        rung=rung if rung is not None else (-1 if order.tier == "strong" else 0),
    )
    first = Sent(scope=hired.scope, key=f"{key}/task", sender=hired.by, to=order.name, what="task", text=order.task)
    return hired, first


def hindered(office: Office, superior: Employee) -> str | None:
    """The limit that leaves no room for one more under `superior` now; None if there is room."""
    limits, chart = office.limits, office.chart
    if superior.depth >= limits.depth:
        return f"the company is {limits.depth} levels deep at most"
    if chart.working >= limits.agents:
        return f"{limits.agents} are at work, as many as there may be"
    if superior.busy >= limits.children:
        return f"{limits.children} work for you, as many as one may have"
    return None


def admitted(office: Office) -> tuple[Event, ...]:
    """The hires that wait and have room now, oldest first. Apply them before asking again."""
    for waiting in office.chart.queue.values():
        superior = office.chart.employees[waiting.by]
        if superior.status == "left":
            return (HireReturned(scope=superior.scope, key=waiting.key, to="", why="its superior left"),)
        if hindered(office, superior) is None and office.winding_up is None:
            return hiring(office, superior, waiting.order, waiting.key)
    return ()


def handed_back(office: Office, why: str) -> tuple[Event, ...]:
    """Every hire that waits goes back to who wanted it, as a task of its own: for when there will be no room."""
    found: list[Event] = []
    for waiting in office.chart.queue.values():
        superior = office.chart.employees[waiting.by]
        returned = HireReturned(scope=superior.scope, key=waiting.key, to=superior.name, why=why)
        text = f"Nobody could be hired for this ({why}); it is yours now:\n{waiting.order.task}"
        found += [returned, office.letter(f"{waiting.key}/back", COMPANY, superior, "task", text)]
    return tuple(found)


def leave(office: Office, gone: Employee, *, by: str, why: str, key: str) -> tuple[Event, ...]:
    """The events with which somebody and all below leave; hires that they wait for are dropped."""
    leaving = [one for one in (*reversed(office.chart.below(gone)), gone) if one.status != "left"]
    names = {one.name for one in leaving}
    queued = [one for one in office.chart.queue.values() if one.by in names]
    dropped = [HireReturned(scope=one.scope, key=one.key, to="", why="its superior left") for one in queued]
    left = [
        Left(
            scope=one.scope,
            key=f"{key}/{one.name}",
            by=by,
            why=why,
            spent_usd=office.scope_of(one).account.spent.usd,
        )
        for one in leaving
    ]
    return (*dropped, *left)


def _pointed(office: Office, superior: Employee, order: Order) -> str | None:
    """Who has this task already: it is not given out twice."""
    holder = office.chart.holder(order.task)
    if holder is not None and holder.open:
        return f"{holder.name} already has this task ({holder.status}, reports to {holder.by}); nobody was hired"
    queued = office.chart.queued_by(order.task)
    if queued is not None:
        return f"{queued.order.name}, whose hire waits for room, already has this task; nobody else was hired"
    return None


def _own_task(office: Office, superior: Employee, order: Order, key: str, limit: str) -> tuple[Event, ...]:
    text = f"You wanted to hire {order.name} for this, but {limit}. It is your own now:\n{order.task}"
    return (office.letter(f"{key}/own", COMPANY, superior, "task", text),)


def _answer(wanted: Order, name: str, limit: str = "") -> str:
    """What whoever hires is told; the same again after a crash."""
    said = f"{name} is hired and has its task"
    if limit:
        said = f"{name} waits for room: {limit}; it is hired as soon as somebody is done"
    return said if wanted.name == name else f"{said} (the name {wanted.name!r} was not free)"
