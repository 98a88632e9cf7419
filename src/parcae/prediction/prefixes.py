"""What a forecaster may know, and what only evaluation may know, as two types that cannot be confused.

A `Prefix` holds what was known of a group of attempts at one moment: nothing of what came later and no verdict. A
`Group` holds the whole attempts and the verdict; it gives out prefixes. Forecasters are trained on `Example`s, each a
prefix with its verdict, and asked on prefixes alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from parcae.graphs.tally import Tally, TaskFacts
from parcae.graphs.turns import Turn
from parcae.sampling.vote import vote

FOLDS = 5
AND = " and "


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What was tried: the model, the tools it had, and the version of its prompt ("" where unknown).

    `model` holds several names, joined by AND, where attempts of one group ran on several.
    """

    model: str
    tools: tuple[str, ...] = ()
    prompt: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models; none where unknown."""
        return tuple(self.model.split(AND)) if self.model else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A moment to forecast at. "parallel": every attempt has made at most `at` turns. "sequential": the first `at`
    attempts have ended and the others have not begun. `at` None: everything has ended.

    Raises:
        ValueError: `at` is negative.
    """

    at: int | None = None
    kind: Literal["parallel", "sequential"] = "parallel"

    def __post_init__(self) -> None:
        if self.at is not None and self.at < 0:
            raise ValueError(f"a look at {self.at} would cut from the end")

    def __str__(self) -> str:
        return "full" if self.at is None else f"{self.kind}@{self.at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """What was known of `samples` planned attempts: the turns of each so far, by attempt, and the task's facts."""

    samples: int
    facts: TaskFacts
    attempts: tuple[tuple[Turn, ...], ...]

    def tally(self) -> Tally:
        """Its counts, turn after turn of all attempts side by side, as they arrive live."""
        tally = Tally(samples=self.samples, facts=self.facts)
        for number, turn in self.arrivals():
            tally.add(number, turn)
        return tally

    def arrivals(self) -> list[tuple[int, Turn]]:
        """(attempt, turn), attempt by attempt."""
        return [(number, turn) for number, turns in enumerate(self.attempts) for turn in turns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Attempts at one task, whole. `failed`: the grader's verdict on their vote; None: nobody said.

    `planned`: how many attempts there were to be, whatever ended them early; None: as many as there are. `right`: the
    names that are right, where that is known; None: only the verdict is. `extra` marks further groups of
    attempts at a task that is there already: they may train, never test. `taken_by`: the model that went on after these
    attempts, where the verdict is on what came of that; "": none.
    """

    task_id: str
    setup: Setup
    attempts: tuple[tuple[Turn, ...], ...]
    failed: bool | None
    facts: TaskFacts = TaskFacts()
    planned: int | None = None
    right: frozenset[str] | None = None
    extra: bool = False
    taken_by: str = ""

    def known_right(self) -> frozenset[str]:
        """The names that are right; where only the verdict is known, what won a vote that did not fail."""
        if self.right is not None:
            return self.right
        answers = [turns[-1].answer for turns in self.attempts if turns and turns[-1].answer is not None]
        candidates = vote([answer for answer in answers if answer]).candidates
        return frozenset() if self.failed or not candidates else frozenset({candidates[0].name})

    def prefix(self, look: Look) -> Prefix:
        """What was known at `look`."""
        whole = self.attempts
        if look.at is None:
            seen = whole
        elif look.kind == "sequential":
            seen = whole[: look.at]
        else:
            seen = tuple(turns[: look.at] for turns in whole)
        planned = len(whole) if self.planned is None else self.planned
        return Prefix(samples=max(1, planned), facts=self.facts, attempts=seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A prefix with the verdict on the vote of the whole group."""

    task_id: str
    setup: Setup
    prefix: Prefix
    failed: bool
    right: frozenset[str] = frozenset()
    extra: bool = False


def examples_of(groups: Sequence[Group], looks: Sequence[Look]) -> list[Example]:
    """One example for each labelled group and look."""
    return [
        Example(
            task_id=group.task_id,
            setup=group.setup,
            prefix=group.prefix(look),
            failed=group.failed,
            right=group.known_right(),
            extra=group.extra,
        )
        for group in groups
        if group.failed is not None
        for look in looks
    ]


def fold_of(task_id: str, folds: int = FOLDS) -> int:
    """The fold of a task: crc32 of its id in UTF-8, modulo `folds`. All its attempts and groups share it."""
    return zlib.crc32(task_id.encode()) % folds
