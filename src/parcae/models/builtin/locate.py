"""The skill of finding the function behind a failing test, with the tools of AutoFL.

One policy for both sizes: weigh every call that could be made next, and draw. What they differ in is how they weigh
functions, how much they look at, and how many calls they make at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from parcae.models.builtin.locate_large import large_scores
from parcae.models.builtin.locate_reading import CLASSES, METHODS, PACKAGES, SNIPPET, Reading, read
from parcae.models.builtin.locate_small import name_score, small_scores, weigh_words
from parcae.models.builtin.skill import Call, Mind, Said
from parcae.models.builtin.talk import Talk

GUESSED_CLASS = 1.5  # what small hopes of a class called like the test's file
RAISED_IN = 4.0  # what reading the function that raised an error promises, less for those that called it
_ARGUMENT = {CLASSES: "package_name", METHODS: "class_name", SNIPPET: "signature"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Habits:
    """How a size searches: calls a turn, functions to read before it answers, and how freely it chooses.

    `stops_early` is the chance to answer after each function that was read; `mentioned` the promise of guessing at a
    name that stands in code, None for who takes names from the traceback only; `unopened` that of a class or
    package not yet looked into; `also_named` how near another function must come to be named as well, `most_named` how
    many are named at most.
    """

    at_once: int
    reads: int
    stops_early: float
    mentioned: float | None
    unopened: float
    freedom_of_search: float
    freedom_of_answer: float
    also_named: float
    most_named: int


_HABITS = {
    "small": _Habits(
        at_once=3,
        reads=4,
        stops_early=0.25,
        mentioned=-0.3,
        unopened=2.0,
        freedom_of_search=0.8,
        freedom_of_answer=0.8,
        also_named=0.15,
        most_named=3,
    ),
    "large": _Habits(
        at_once=12,
        reads=16,
        stops_early=0.0,
        mentioned=None,
        unopened=6.0,
        freedom_of_search=0.4,
        freedom_of_answer=0.4,
        also_named=2.0,
        most_named=5,
    ),
}


class LocateSkill:
    """Finds the culprit among the functions that a failing test executed."""

    def fits(self, talk: Talk) -> bool:
        """Whether AutoFL's tools are offered, or were used before they were taken away."""
        return SNIPPET in talk.offered | talk.used or PACKAGES in talk.used

    def next(self, talk: Talk, mind: Mind) -> Said:
        """Look further, say that enough was seen, or name the culprits."""
        reading = read(talk)
        if not talk.offered:
            return Said(text="\n".join(_culprits(reading, mind)) or "I have seen no function that I could name.")
        habits = _HABITS[mind.size]
        read_enough = len(reading.snippets) >= habits.reads
        if read_enough or (reading.snippets and mind.rng.random() < habits.stops_early):
            return _enough(reading, mind)
        options = dict(_options(reading, mind))
        drawn = mind.ranked(options, freedom=habits.freedom_of_search)[: habits.at_once]
        if not drawn:
            return _enough(reading, mind)
        best = drawn[0][0]
        return Said(calls=tuple(_call(tool, argument) for tool, argument in drawn if tool == best))


def _scores(reading: Reading, mind: Mind) -> dict[str, float]:
    return large_scores(reading) if mind.size == "large" else small_scores(reading)


def _options(reading: Reading, mind: Mind) -> Iterator[tuple[tuple[str, str], float]]:
    """Every call that would show something new, with how much it promises."""
    yield from _unopened(reading, mind)
    yield from _guesses(reading, mind)
    for name, score in _scores(reading, mind).items():
        signature = reading.signatures.get(name, name)
        if name not in reading.snippets and (SNIPPET, signature) not in reading.asked:
            yield (SNIPPET, signature), score


def _unopened(reading: Reading, mind: Mind) -> Iterator[tuple[tuple[str, str], float]]:
    """Packages and classes that nobody has looked into."""
    weights, unopened = weigh_words(reading), _HABITS[mind.size].unopened
    if not reading.packages and (PACKAGES, "") not in reading.asked:
        yield (PACKAGES, ""), 10.0
    for package in reading.packages:
        if (CLASSES, package) not in reading.asked:
            yield (CLASSES, package), unopened + 0.5 + name_score(package, weights)
    for owner in reading.classes:
        if (METHODS, owner) not in reading.asked:
            yield (METHODS, owner), unopened + name_score(owner, weights)


def _guesses(reading: Reading, mind: Mind) -> Iterator[tuple[tuple[str, str], float]]:
    """Functions that no tool has listed: small guesses at names in code, large takes those of the traceback."""
    mentioned = _HABITS[mind.size].mentioned
    if mentioned is None:
        for place, name in enumerate(reading.raised_in):
            yield (SNIPPET, name), max(0.0, RAISED_IN - place)
        return
    weights = weigh_words(reading)
    if reading.tested and (METHODS, reading.tested) not in reading.asked:
        yield (METHODS, reading.tested), GUESSED_CLASS
    for name in reading.mentioned:
        yield (SNIPPET, name), mentioned + name_score(name, weights)


def _call(tool: str, argument: str) -> Call:
    return Call(tool=tool, arguments={_ARGUMENT[tool]: argument} if tool in _ARGUMENT else {})


def _culprits(reading: Reading, mind: Mind) -> list[str]:
    """The signatures of the likeliest function, and of others that are nearly as likely."""
    habits = _HABITS[mind.size]
    scores = _scores(reading, mind) or dict.fromkeys(reading.mentioned, 0.0)
    if not scores:
        return []
    ranked = mind.ranked(scores, freedom=habits.freedom_of_answer)
    named = [name for name in ranked[: habits.most_named] if scores[name] >= scores[ranked[0]] - habits.also_named]
    return [reading.signatures.get(name, name) for name in named]


def _enough(reading: Reading, mind: Mind) -> Said:
    culprits = _culprits(reading, mind)
    if not culprits:
        return Said(text="The tools show nothing that I could suspect.")
    return Said(text=f"{reading.test} most likely fails because of {culprits[0]}.")
