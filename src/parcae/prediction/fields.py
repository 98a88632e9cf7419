"""Values of rows that strangers wrote, checked as they are taken: one that is not as it should be is a sentence.

Each function takes a row and a name, and raises KeyError where it must be there and is not, CallerMistake where it is
something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parcae.core.errors import CallerMistake

MOST = 2**53  # the largest count that a float holds
SHOWN = 40  # so many characters of a wrong value are told
Row = Mapping[str, Any]


def text_in(row: Row, name: str) -> str:
    """A text."""
    value = row[name]
    if not isinstance(value, str):
        raise _wrong(name, "a text", value)
    return value


def texts_in(row: Row, name: str) -> tuple[str, ...]:
    """A list of texts."""
    value = row[name]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _wrong(name, "a list of texts", value)
    return tuple(value)


def count_in(row: Row, name: str) -> int:
    """A whole number from 0."""
    value = row[name]
    if not is_count(value):
        raise _wrong(name, "a whole number from 0", value)
    return int(value)


def known_count_in(row: Row, name: str) -> int | None:
    """The same; None where it is null: unknown."""
    return None if row[name] is None else count_in(row, name)


def known_number_in(row: Row, name: str) -> float | None:
    """A finite number from 0; None where it is null: unknown."""
    value = row[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
        raise _wrong(name, "a number from 0", value)
    return float(value)


def counted_in(row: Row, name: str) -> dict[str, int]:
    """A list of pairs of a text and a whole number from 0."""
    value = row[name]
    pairs = isinstance(value, list) and all(isinstance(one, list) and len(one) == 2 for one in value)
    if not pairs or not all(isinstance(key, str) and is_count(count) for key, count in value):
        raise _wrong(name, "a list of pairs, each a text and a whole number from 0", value)
    return dict(value)


def verdict_in(row: Row, name: str) -> bool | None:
    """True or false; None where it is null or not there: nobody said."""
    value = row.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return value


def is_count(value: object) -> bool:
    """Whether it is a whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _wrong(name: str, wanted: str, value: object) -> CallerMistake:
    shown = repr(value) if not isinstance(value, int) or value.bit_length() < MOST.bit_length() else "a huge number"
    dots = "..." if len(shown) > SHOWN else ""
    return CallerMistake(f"`{name}` must be {wanted}, not {shown[:SHOWN]}{dots}")
