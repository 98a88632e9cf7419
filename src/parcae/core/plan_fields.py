"""Fields of a plan's tables, read one by one: the right type, and small enough to be reckoned with.

Knows nothing of what the fields mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from parcae.core.errors import CallerMistake
from parcae.core.usage import Limits

MOST = 10**12  # of what is counted: more is a slip of the pen, and no sum of such numbers loses its last digit
_WHOLE = ("tokens", "calls")


def known(table: Mapping[str, object], names: set[str], where: str) -> None:
    """Refuse keys that nobody reads."""
    for key in table:
        if key not in names:
            raise CallerMistake(f"{where}: unknown key `{key}`", f"known are {', '.join(sorted(names))}")


def table(value: object, where: str) -> Mapping[str, object]:
    """`value`, which is a table."""
    if not isinstance(value, Mapping):
        raise CallerMistake(f"{where} must be a table, not {shown(value)}")
    return value


def count(body: Mapping[str, object], key: str, where: str) -> int | None:
    """A whole number of 1 or more; None if it is not given."""
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise CallerMistake(f"{where}: `{key}` must be a whole number of 1 or more, up to {MOST:g}, not {shown(value)}")
    return value


def text(body: Mapping[str, object], key: str, where: str) -> str | None:
    """A text; None if it is not given."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise CallerMistake(f"{where}: `{key}` must be text, not {shown(value)}")
    return value


def positive(body: Mapping[str, object], key: str, where: str) -> float | None:
    """A number of 0 or more; None if it is not given."""
    value = number(body, key, where)
    if value is not None and not 0 <= value <= MOST:
        raise CallerMistake(f"{where}: `{key}` must be a number of 0 or more, up to {MOST:g}, not {shown(value)}")
    return value


def number(body: Mapping[str, object], key: str, where: str) -> float | None:
    """A number, which may be endless or none at all (TOML knows inf and nan); None if it is not given."""
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CallerMistake(f"{where}: `{key}` must be a number, not {shown(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def limits(body: object, where: str) -> Limits:
    """Limits in all four units; one that is not given is none."""
    where = f"{where}: limits"
    given = table(body, where)
    known(given, {"usd", "tokens", "calls", "seconds"}, where)
    for unit, value in given.items():
        right = isinstance(value, int if unit in _WHOLE else int | float) and not isinstance(value, bool)
        if not right or not 0 <= value <= MOST:  # type: ignore[operator]  # a number, or `right` is false
            kind = "whole number" if unit in _WHOLE else "number"
            raise CallerMistake(
                f"{where}.{unit} must be a {kind} of 0 or more, up to {MOST:g}, not {shown(value)}",
                f"leave `{unit}` out for no limit",
            )
    return Limits(**given)  # type: ignore[arg-type]  # names and types were checked above


def shown(value: object) -> str:
    """`value` as a message quotes it: short, whatever it is."""
    try:
        quoted = repr(value)
    except ValueError:  # a whole number that Python will not write out
        return "a number of many digits"
    return quoted if len(quoted) <= 60 else f"{quoted[:60]}..."
