"""Words in names and in prose, and how much two bags of them have in common."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_COMMON_TEXT = """
a an and are as assert assertionerror be by def error exception false file for from has if import in init is it line
most none not of on or py recent return self str test that the this to true was were with
"""
_COMMON = frozenset(_COMMON_TEXT.split())


@lru_cache(maxsize=16_384)  # the same names are weighed at every turn of every attempt
def words_of(text: str) -> frozenset[str]:
    """The words of a name or a text, in lower case, without their plural and without the commonest."""
    found = {_singular(piece.lower()) for piece in _PIECES.findall(text)}
    return frozenset(word for word in found if len(word) > 1 and word not in _COMMON)


def identifiers_of(text: str) -> frozenset[str]:
    """The names that stand in `text`, as they stand there."""
    return frozenset(_IDENTIFIER.findall(text))


def overlap(words: Iterable[str], weights: Mapping[str, float]) -> float:
    """The weight of the words that are known, as a mean over all of them: a long name does not win by its length."""
    words = tuple(words)
    found = sum(weights.get(word, 0.0) for word in words)
    return found / math.sqrt(max(1, len(words)))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
