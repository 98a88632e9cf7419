"""How `builtin:small` suspects functions: by their names alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from parcae.models.builtin.locate_reading import Reading
from parcae.models.builtin.words import identifiers_of, overlap, words_of

IN_TEST_NAME, IN_ERROR, IN_TEST_CODE = 0.8, 1.0, 0.3
NAMED_IN_ERROR = 0.8  # the whole name stands in the error or its traceback


def weigh_words(reading: Reading) -> Mapping[str, float]:
    """How much each word of the failure counts."""
    return _weights(reading.test_source, reading.error, reading.test.rpartition("::")[2])


@lru_cache(maxsize=64)  # every turn at a task reads the same failure
def _weights(source: str, error: str, name: str) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for text, weight in ((source, IN_TEST_CODE), (error, IN_ERROR), (name, IN_TEST_NAME)):
        for word in words_of(text):
            weights[word] = max(weight, weights.get(word, 0.0))
    return weights


def name_score(name: str, weights: Mapping[str, float]) -> float:
    """How much a dotted name has to do with the failure: its last part counts whole, what is before it half."""
    before, _, last = name.rpartition(".")
    return overlap(words_of(last), weights) + 0.5 * overlap(words_of(before.rpartition(".")[2]), weights)


def small_scores(reading: Reading) -> dict[str, float]:
    """How suspicious each known function is to a reader of names."""
    weights, in_error = weigh_words(reading), identifiers_of(reading.error)
    known = (*reading.signatures, *(name for name, away in reading.mentioned.items() if away))
    return {name: name_score(name, weights) + NAMED_IN_ERROR * (name.rpartition(".")[2] in in_error) for name in known}
