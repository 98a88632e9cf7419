"""The skill of repairing the function behind a failing test: read, change one thing, run the test, think again.

Which function to change is weighed as by the skill that locates; which change, by how often such slips happen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from parcae.core.protocols import JsonValue
from parcae.models.builtin.locate_large import large_scores
from parcae.models.builtin.locate_small import small_scores
from parcae.models.builtin.repair_reading import (
    FIX,
    LIST,
    METHOD,
    RUN,
    SUITE,
    TRY,
    RepairReading,
    read_repair,
)
from parcae.models.builtin.repair_templates import Change, changes
from parcae.models.builtin.skill import Call, Mind, Said
from parcae.models.builtin.talk import Talk


@dataclass(frozen=True, slots=True, kw_only=True)
class _Habits:
    """How a size repairs: functions it reads at once and in all, considers, changes it tries at once, freedom."""

    at_once: int
    reads: int
    considered: int
    tries: int
    freedom: float


_HABITS = {
    "small": _Habits(at_once=1, reads=2, considered=2, tries=6, freedom=0.8),
    "large": _Habits(at_once=6, reads=12, considered=8, tries=24, freedom=0.35),
}


class RepairSkill:
    """Finds a change that makes the failing test pass."""

    def fits(self, talk: Talk) -> bool:
        """Whether fixes can be written here, or could before the tools were taken away."""
        return FIX in talk.offered | talk.used or (LIST in talk.used and RUN in talk.used)

    def next(self, talk: Talk, mind: Mind) -> Said:
        """Read on, try a change, or say what was wrong."""
        reading = read_repair(talk)
        if not talk.offered or (reading.passes and reading.suite_ran):
            return Said(text="The failing test passes." if reading.passes else "I found no change that helps.")
        if reading.passes:
            return Said(calls=(Call(tool=SUITE),))
        habits = _HABITS[mind.size]
        if len(reading.seen.snippets) < habits.reads:
            wanted = _unread(reading, mind, habits)
            if wanted:
                return Said(calls=tuple(Call(tool=METHOD, arguments={"signature": one}) for one in wanted))
        return _try(reading, mind, habits)


def _scores(reading: RepairReading, mind: Mind) -> dict[str, float]:
    return large_scores(reading.seen) if mind.size == "large" else small_scores(reading.seen)


def _unread(reading: RepairReading, mind: Mind, habits: _Habits) -> list[str]:
    asked = {argument for _, argument in reading.seen.asked}
    scores = {
        reading.seen.signatures[name]: score
        for name, score in _scores(reading, mind).items()
        if name not in reading.seen.snippets and reading.seen.signatures[name] not in asked
    }
    return mind.ranked(scores, freedom=habits.freedom)[: habits.at_once]


def _try(reading: RepairReading, mind: Mind, habits: _Habits) -> Said:
    """Put in what was seen to help; else try more changes of the likeliest function that has any left."""
    if reading.good and not reading.fixed:
        path, old, new = reading.good[0]
        fix = Call(tool=FIX, arguments={"path": path, "old": old, "new": new})
        return Said(calls=(fix, Call(tool=RUN)))
    scores = {name: score for name, score in _scores(reading, mind).items() if name in reading.files}
    likely = sorted(scores, key=lambda name: -scores[name])[: habits.considered]
    left = {name: _untried(reading, name) for name in likely}
    drawn = mind.ranked({name: scores[name] for name in likely if left[name]}, freedom=habits.freedom)
    if not drawn:
        return Said(text="I found no change that helps.")
    name = drawn[0]
    weights = {change: math.log(change.weight) for change in left[name]}
    texts: list[JsonValue] = [change.text for change in mind.ranked(weights)[: habits.tries]]
    old = reading.seen.snippets[name].text
    return Said(calls=(Call(tool=TRY, arguments={"path": reading.files[name], "old": old, "news": texts}),))


def _untried(reading: RepairReading, name: str) -> list[Change]:
    file = reading.files[name]
    return [one for one in changes(reading.seen.snippets[name]) if (file, one.text) not in reading.tried]
