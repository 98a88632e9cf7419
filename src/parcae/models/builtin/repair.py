"""The skill of repairing the function behind a failing test: read, try many small changes, keep one that helps.

Which function to change is weighed as by the skill that locates; which change, by how often such slips happen.

`small` reads two functions that sound like the failure, tries three changes in them, wherever, and gives up. `large`
reads eighteen by names, traceback, code and coverage, and tries up to 96 changes to lines that the failing test
executed, 24 in a turn. Both try on where a fix breaks the suite, as long as they have tries left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from parcae.core.protocols import JsonValue
from parcae.models.builtin.locate_large import large_scores
from parcae.models.builtin.locate_reading import Snippet
from parcae.models.builtin.locate_small import small_scores
from parcae.models.builtin.repair_reading import (
    DISCARD,
    FIX,
    LIST,
    METHOD,
    RUN,
    SUITE,
    TRY,
    Fix,
    RepairReading,
    read_repair,
)
from parcae.models.builtin.repair_templates import Change, applied, changes
from parcae.models.builtin.skill import Call, Mind, Said
from parcae.models.builtin.talk import Talk

MOST_FILES = 3  # whose changes are tried in one turn
GIVEN_UP = "I found no change that helps."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Habits:
    """How a size repairs.

    Functions it reads at once and in all, changes it tries at once and in all, whether it heeds which lines the failing
    test executed, and how freely it chooses.
    """

    at_once: int
    reads: int
    tries: int
    most_tries: int
    heeds_lines: bool
    freedom: float


_HABITS = {
    "small": _Habits(at_once=2, reads=2, tries=3, most_tries=3, heeds_lines=False, freedom=0.8),
    "large": _Habits(at_once=6, reads=18, tries=24, most_tries=96, heeds_lines=True, freedom=0.3),
}


class RepairSkill:
    """Finds a change that makes the failing test pass."""

    def fits(self, talk: Talk) -> bool:
        """Whether fixes can be written here, or could before the tools were taken away."""
        return FIX in talk.offered | talk.used or (LIST in talk.used and RUN in talk.used)

    def next(self, talk: Talk, mind: Mind) -> Said:
        """Read on, try changes, put one in, or say what came of it."""
        reading = read_repair(talk)
        if not talk.offered:
            return Said(text="The failing test passes." if reading.passes else GIVEN_UP)
        if LIST in talk.offered and LIST not in talk.used:
            return Said(calls=(Call(tool=LIST),))
        habits = _HABITS[mind.size]
        if reading.written and reading.passes is not None:
            return _judged(reading, mind, habits)
        left = [fix for fix in reading.good if fix not in reading.written]
        if left:
            return _put_in(left[0], discard=bool(reading.written))
        if len(reading.seen.snippets) < habits.reads:
            wanted = _unread(reading, mind, habits)
            if wanted:
                return Said(calls=tuple(Call(tool=METHOD, arguments={"signature": one}) for one in wanted))
        return _try(reading, mind, habits)


def _judged(reading: RepairReading, mind: Mind, habits: _Habits) -> Said:
    """After a fix and a run of the test: is the suite green too, and if not, is there another fix?"""
    if reading.passes and reading.green is None:
        return Said(calls=(Call(tool=SUITE),))
    if reading.passes and reading.green:
        return Said(text="The failing test passes.")
    left = [fix for fix in reading.good if fix not in reading.written]
    if left:
        return _put_in(left[0], discard=True)
    further = _try(reading, mind, habits)
    if further.calls:
        return Said(calls=(Call(tool=DISCARD), *further.calls))
    return Said(text="The failing test passes, others fail." if reading.passes else GIVEN_UP)


def _put_in(fix: Fix, *, discard: bool) -> Said:
    path, line, old, new = fix
    put = Call(tool=FIX, arguments={"path": path, "old": old, "new": new, "line": line})
    before = (Call(tool=DISCARD),) if discard else ()
    return Said(calls=(*before, put, Call(tool=RUN)))


def _scores(reading: RepairReading, mind: Mind) -> dict[str, float]:
    return large_scores(reading.seen) if mind.size == "large" else small_scores(reading.seen)


def _unread(reading: RepairReading, mind: Mind, habits: _Habits) -> list[str]:
    asked = {argument for _, argument in reading.seen.asked}
    signatures = reading.seen.signatures
    scores = {
        signatures[name]: score
        for name, score in _scores(reading, mind).items()
        if name in signatures and name not in reading.seen.snippets and signatures[name] not in asked
    }
    return mind.ranked(scores, freedom=habits.freedom)[: habits.at_once]


def _try(reading: RepairReading, mind: Mind, habits: _Habits) -> Said:
    """Try the likeliest changes of all functions that were read, a call for each file."""
    if len(reading.tried) >= habits.most_tries:
        return Said(text=GIVEN_UP)
    options = dict(_options(reading, mind, habits))
    drawn = mind.ranked(options, freedom=habits.freedom)
    by_file: dict[str, list[JsonValue]] = {}
    count = 0
    for name, change in drawn:
        path, line, old, new = _as_fix(reading, name, change)
        if count >= habits.tries:
            break
        if (path in by_file or len(by_file) < MOST_FILES) and applied(_seen(reading, name, habits), change) is not None:
            by_file.setdefault(path, []).append({"line": line, "old": old, "new": new})
            count += 1
    if not by_file:
        return Said(text=GIVEN_UP)
    return Said(calls=tuple(Call(tool=TRY, arguments={"path": path, "fixes": by_file[path]}) for path in by_file))


def _options(reading: RepairReading, mind: Mind, habits: _Habits) -> Iterator[tuple[tuple[str, Change], float]]:
    """What was not tried yet: a function's score, and the share of the change in what can be done to the function."""
    scores = _scores(reading, mind)
    for name in reading.places:
        found = changes(_seen(reading, name, habits))
        share = _log_sum(found) / 2  # a long function has more places to be wrong, and more to be searched
        for change in found:
            if _as_fix(reading, name, change) not in reading.tried:
                yield (name, change), scores.get(name, 0.0) + math.log(change.weight) - share


def _seen(reading: RepairReading, name: str, habits: _Habits) -> Snippet:
    snippet = reading.seen.snippets[name]
    return snippet if habits.heeds_lines else replace(snippet, executed=frozenset())


def _log_sum(found: Sequence[Change]) -> float:
    return math.log(sum(change.weight for change in found)) if found else 0.0


def _as_fix(reading: RepairReading, name: str, change: Change) -> Fix:
    place = reading.places[name]
    return place.path, place.lines[change.line - 1], change.old, change.new
