"""What is done about trouble: a ladder that is climbed one rung each time the same employee is in trouble again.

    0 nudge     a letter says what was seen
    1 hint      a letter says what to do instead
    2 swap      the stronger model goes on, with the same trajectory while the turn is open
    3 replace   somebody fresh inherits task, checklist, letters, subordinates and what money is left
    4 report    the superior is told; the employee leaves

Each climb is in the journal before anything else happens. Knows nothing of how trouble is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from parcae.core.protocols import Event
from parcae.organization.chart import Employee
from parcae.organization.delegation import hiring, leave
from parcae.organization.detectors import Trouble
from parcae.organization.events import Left, Noticed, Promoted, WindingUp
from parcae.organization.office import COMPANY, Office
from parcae.organization.results import unreviewed

NUDGE, HINT, SWAP, REPLACE, REPORT = range(5)
NAMES = ("nudge", "hint", "swap", "replace", "report")


def rung_for(office: Office, who: Employee, rungs: int) -> int:
    """How far up the ladder of cures the next trouble of `who` goes; rungs that cannot be done are passed over."""
    level = office.levels.get(who.name, 0)
    if level == SWAP and (who.rung < 0 or who.rung + 1 >= rungs):
        level = REPLACE
    if level == REPLACE and (who.replaces is not None or office.winding_up is not None):
        level = REPORT
    return min(level, REPORT)


def cure(office: Office, who: Employee, trouble: Trouble, rungs: int) -> Sequence[Event]:
    """The events that cure `trouble`; `rungs` is the length of the ladder of models that `who` has."""
    level = rung_for(office, who, rungs)
    noticed = Noticed(
        scope=who.scope, detector=trouble.detector, what=trouble.what, cure=_said(who, level), level=level
    )
    key = f"{who.scope}/cure-{office.turns.get(who.name, 0)}-{level}-{trouble.detector}"
    if level == NUDGE:
        return (noticed, office.letter(key, COMPANY, who, "notice", f"{trouble.what}. Your task is still open."))
    if level == HINT:
        return (noticed, office.letter(key, COMPANY, who, "notice", f"Something goes wrong: {trouble.hint}"))
    if level == SWAP:
        letter = office.letter(key, COMPANY, who, "notice", f"You go on with a stronger model. {trouble.hint}")
        return (noticed, Promoted(scope=who.scope, rung=who.rung + 1), letter)
    if level == REPLACE:
        return (noticed, *_replaced(office, who, trouble, key))
    return (noticed, *_given_up(office, who, trouble, key))


def swapped(who: Employee, trouble: Trouble) -> Sequence[Event]:
    """The same swap while the turn is open: no letter, the trajectory goes on."""
    noticed = Noticed(scope=who.scope, detector=trouble.detector, what=trouble.what, cure=_said(who, SWAP), level=SWAP)
    return noticed, Promoted(scope=who.scope, rung=who.rung + 1)


def told_superior(office: Office, who: Employee, trouble: Trouble) -> Sequence[Event]:
    """Trouble between two is for their superior to settle."""
    superior = office.chart.employees.get(who.by)
    noticed = Noticed(
        scope=who.scope, detector=trouble.detector, what=trouble.what, cure="report: the superior was told", level=-1
    )
    key = f"{who.scope}/told-{office.turns[who.name]}"
    return (noticed,) if superior is None else (noticed, office.letter(key, COMPANY, superior, "notice", trouble.hint))


def reminded(office: Office, who: Employee) -> Sequence[Event]:
    """A reviewer that took up part of what waits for it is woken for the rest; that is no incident."""
    waiting = unreviewed(office, who)
    if not waiting or office.boxes[who.name].waiting or not office.reviews_in_turn.get(who.name):
        return ()
    text = f"The results of {', '.join(one.name for one in waiting)} wait for your review."
    return (office.letter(f"{who.scope}/remind-{office.turns[who.name]}", COMPANY, who, "notice", text),)


def woken(office: Office, who: Employee, trouble: Trouble) -> Sequence[Event]:
    """Somebody whose letters nobody read is put in the queue for a turn."""
    office.ready[who.name] = None
    return (Noticed(scope=who.scope, detector=trouble.detector, what=trouble.what, cure="it was woken", level=-1),)


def out_of_money(office: Office, who: Employee, detail: str) -> Sequence[Event]:
    """The purse of `who` is empty: its superior is told and takes over; the boss's end is the company's."""
    if not who.open:
        return ()
    superior = office.chart.employees.get(who.by)
    done = "the company ends" if superior is None else "report: the superior was told"
    noticed = Noticed(scope=who.scope, detector="money", what=detail, cure=done, level=REPORT)
    key = f"{who.scope}/money-{office.turns[who.name]}"
    left = leave(office, who, by=COMPANY, why="its money is spent", key=key)
    if superior is None:
        return (WindingUp(scope=office.scope.id, why=detail), noticed, *left)
    text = f"{who.name} ran out of money and has left; its task is open: {who.order.task}"
    return (noticed, *left, office.letter(key, COMPANY, superior, "notice", text))


def _said(who: Employee, level: int) -> str:
    said = {
        NUDGE: "it was told what was seen",
        HINT: "it was told what to do instead",
        SWAP: "a stronger model goes on with the same work",
        REPLACE: "somebody fresh inherits the work",
        REPORT: f"{who.by or 'the person who asked'} was told, and {who.name} leaves",
    }
    return f"{NAMES[level]}: {said[level]}"


def _replaced(office: Office, who: Employee, trouble: Trouble, key: str) -> Sequence[Event]:
    """Somebody fresh takes over; the letters that wait go along."""
    name = office.chart.free_name(who.name)
    order = replace(who.order, name=name, tier="strong")
    left = Left(
        scope=who.scope,
        key=f"{key}/left",
        by=COMPANY,
        why=f"replaced by {name}: {trouble.what}",
        spent_usd=office.scope_of(who).account.spent.usd,
    )
    hired, first = hiring(office, office.chart.employees.get(who.by), order, key, replaces=who)
    text = (
        f"You take over from {who.name} ({trouble.what}). What it made is in the files; its checklist and its people "
        f"are yours.\n{who.order.task}"
    )
    inherited = [
        replace(letter, scope=f"{who.scope}/{name}", to=name, key=f"{key}/{place}")
        for place, letter in enumerate(office.boxes[who.name].waiting)
    ]
    return (left, hired, replace(first, text=text), *inherited)  # type: ignore[type-var]  # the first letter is a Sent


def _given_up(office: Office, who: Employee, trouble: Trouble, key: str) -> Sequence[Event]:
    superior = office.chart.employees.get(who.by)
    left = leave(office, who, by=COMPANY, why=f"every cure failed: {trouble.what}", key=key)
    if superior is None:
        return left
    text = f"{who.name} could not do its task and has left: {trouble.what}. The task is open again: {who.order.task}"
    return (*left, office.letter(f"{key}/report", COMPANY, superior, "notice", text))
