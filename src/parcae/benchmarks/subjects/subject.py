"""A use of the library: a function from a case to something comparable, and what makes cases. Knows no library."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_WORDS = [
    "amber",
    "basin",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "glade",
    "harbor",
    "islet",
    "jasper",
    "kelp",
    "lagoon",
    "meadow",
    "nectar",
    "orchid",
    "pebble",
    "quartz",
    "ripple",
    "saffron",
    "timber",
    "umber",
    "valley",
    "willow",
    "yarrow",
    "zephyr",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`outcome` maps a case to a value that equals itself after `eval(repr(value))`; `case` makes one from chance.

    The source of `outcome` becomes part of a test file, with the imports of its module that it names.
    """

    outcome: Callable[[Any], object]  # each outcome takes the cases that its own maker makes
    case: Callable[[random.Random], object]

    @property
    def name(self) -> str:
        """The name of the use, such as "read_settings"."""
        return self.outcome.__name__


def word(rng: random.Random) -> str:
    """A word."""
    return rng.choice(_WORDS)


def words(rng: random.Random, low: int, high: int) -> list[str]:
    """Between `low` and `high` words."""
    return [word(rng) for _ in range(rng.randint(low, high))]


def sentence(rng: random.Random, low: int = 4, high: int = 12) -> str:
    """Words with some punctuation."""
    text = " ".join(words(rng, low, high))
    return text.capitalize() + rng.choice((".", "!", "?", "", " - and so on."))


def paragraph(rng: random.Random) -> str:
    """Some lines, some of them indented or blank."""
    lines = [rng.choice(("", "  ", "    ")) + sentence(rng) for _ in range(rng.randint(3, 8))]
    if rng.random() < 0.5:
        lines.insert(rng.randrange(len(lines)), "")
    return "\n".join(lines)


def number(rng: random.Random) -> int | float:
    """A whole or broken number of moderate size."""
    return rng.choice((rng.randint(-50, 500), round(rng.uniform(-20, 80), 2)))


def tree(rng: random.Random, depth: int = 3) -> object:
    """Nested lists and tables of plain values, with text keys."""
    if depth == 0 or rng.random() < 0.3:
        return rng.choice((None, True, False, number(rng), word(rng), f'{word(rng)} "{word(rng)}"\t\u00e9'))
    if rng.random() < 0.5:
        return [tree(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    return {word(rng): tree(rng, depth - 1) for _ in range(rng.randint(0, 4))}
