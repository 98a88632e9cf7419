"""What reviews and checks say of turns, as outcomes that forecasters learn from: `parcae run --learn`.

A turn in which something was handed in did well if the result was accepted, and badly if it was sent back, whoever
said so: checks, judges, or the superior who looked. Knows nothing of forecasters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from parcae.core.events import OutcomeGiven
from parcae.core.protocols import Event, Journal
from parcae.core.trajectory import Ending
from parcae.organization.events import HandedIn, Hired, Reviewed
from parcae.organization.office import COMPANY
from parcae.organization.results import CHECKS, JUDGES, NOBODY

_TURN = re.compile(r".*?/turn-\d+")
REVIEW = "review"


async def lessons(run: str, journal: Journal, ending: Ending | None) -> tuple[OutcomeGiven, ...]:
    """The outcomes of `run` that its journal does not hold yet: of turns, and of the whole if it had checks."""
    kinds: tuple[type[Event], ...] = (Hired, HandedIn, Reviewed)
    told = [one.event for one in await journal.read(f"{run}/company", kinds)]
    known = {one.event.scope for one in await journal.read(run, [OutcomeGiven])}
    found = outcomes_of_turns(told)
    whole = _of_the_whole(run, told, ending)
    return tuple(one for one in (*found, *whole) if one.scope not in known)


def outcomes_of_turns(told: Sequence[Event]) -> list[OutcomeGiven]:
    """One outcome a turn whose result somebody judged; the last verdict on it counts."""
    handed: dict[str, tuple[str, bool]] = {}  # employee's scope -> the turn of its last result, whether it was checked
    outcomes: dict[str, OutcomeGiven] = {}
    for event in told:
        if isinstance(event, HandedIn):
            found = _TURN.match(event.key)
            handed[event.scope] = (found[0] if found else "", bool(event.checks))
        elif isinstance(event, Reviewed) and event.scope in handed:
            turn, checked = handed[event.scope]
            source = _source(event.by, checked)
            if turn and source:
                outcomes[turn] = OutcomeGiven(scope=turn, success=event.accepted, source=source)
    return list(outcomes.values())


def _source(by: str, checked: bool) -> str:
    """Who judged; "" if nobody did: what counts unseen teaches nothing."""
    if by in (CHECKS, JUDGES):
        return by
    if by == COMPANY:
        return CHECKS if checked else ""
    return "" if by == NOBODY else REVIEW


def _of_the_whole(run: str, told: Sequence[Event], ending: Ending | None) -> list[OutcomeGiven]:
    boss = next((one for one in told if isinstance(one, Hired) and not one.by), None)
    results = [one for one in told if isinstance(one, HandedIn) and boss is not None and one.scope == boss.scope]
    if ending is None or not results or not results[-1].checks:
        return []
    passed = ending.reason == "answered" and all(one.passed for one in results[-1].checks)
    return [OutcomeGiven(scope=run, success=passed, source=CHECKS)]
