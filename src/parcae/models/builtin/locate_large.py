"""How `builtin:large` suspects functions: by names, traceback, and the code and coverage it was shown."""

from __future__ import annotations

import math

from parcae.models.builtin.code_facts import CodeFacts, facts_of
from parcae.models.builtin.locate_reading import Reading
from parcae.models.builtin.locate_small import name_score, weigh_words
from parcae.models.builtin.words import identifiers_of

NAME = 0.3
CALLED_BY_SUSPECT = 0.2
FRAMES = (3.5, 1.5, 1.2)  # the function that raised, the one that called it, any other that the traceback passes
UNREAD = 0.15  # what a function may show when it is read
SIZE, DECISIONS, COMPARISONS, ARITHMETIC, CONSTANTS = 0.05, 0.15, 0.2, 0.25, 0.1
RAISED_IT = 0.25
SPARED = 5.0  # how much the coverage of passing tests counts
SPECIAL = -0.8  # __init__, __repr__ and their like mostly keep what they are given


def large_scores(reading: Reading) -> dict[str, float]:
    """How suspicious each known function is to a reader of code."""
    weights = weigh_words(reading)
    facts = {name: facts_of(snippet) for name, snippet in reading.snippets.items()}
    reached = frozenset(callee for fact in facts.values() if fact is not None for callee in fact.callees)
    scores = {}
    for name in reading.signatures:
        last = name.rpartition(".")[2]
        score = NAME * name_score(name, weights) + _frames(name, reading)
        score += CALLED_BY_SUSPECT * (last in reached) + _spared(name, reading)
        score += SPECIAL * (last.startswith("__") and last.endswith("__"))
        fact = facts.get(name)
        scores[name] = score + (UNREAD if fact is None else _code(fact, reading))
    return scores


def _spared(name: str, reading: Reading) -> float:
    """Less for functions that many passing tests execute without harm: Ochiai's suspiciousness, as a logarithm.

    Source: Abreu et al. 2006; see `tools.covered.Spectrum.ochiai`.
    """
    passing, _ = reading.passing.get(name, (0, 0))
    return -SPARED * math.log1p(passing) / 2


def _frames(name: str, reading: Reading) -> float:
    """More for functions that the traceback passes, most for the one that raised."""
    last = name.rpartition(".")[2]
    for place, (file, function) in enumerate(reversed(reading.frames)):
        module = file.removesuffix(".py").rpartition("/")[2]
        if function == last and f".{module}." in f".{name}":
            return FRAMES[min(place, len(FRAMES) - 1)]
    return 0.0


def _code(fact: CodeFacts, reading: Reading) -> float:
    """More code, more decisions and more operators are more chances to be wrong, each less than the one before."""
    error_names = identifiers_of(reading.error)
    return (
        SIZE * math.log1p(fact.statements)
        + DECISIONS * math.log1p(fact.decisions)
        + COMPARISONS * math.log1p(fact.comparisons)
        + ARITHMETIC * math.log1p(fact.arithmetic)
        + CONSTANTS * math.log1p(fact.constants)
        + RAISED_IT * bool(fact.raises & error_names)
        - 0.5
    )
