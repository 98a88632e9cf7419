"""Exact amounts: whole picodollars, tokens, calls and microseconds, so that sums never drift.

A float amount is rounded once, on its way in. Rounding keeps order, so a call that costs at most what was reserved for
it never costs more after rounding. Knows nothing of accounts.
"""

from __future__ import annotations

import math

from parcae.core.usage import Amount, Limits

UNITS = ("usd", "tokens", "calls", "seconds")
PICO, MICRO = 1e12, 1e6

Exact = tuple[int, int, int, int]  # picodollars, tokens, calls, microseconds
ZERO: Exact = (0, 0, 0, 0)


def exact(amount: Amount) -> Exact:
    """The amount in whole units. Raises ValueError for a negative or endless one."""
    usd, seconds = amount.usd, amount.seconds
    units = (
        round(usd * PICO) if usd else 0,
        amount.tokens,
        amount.calls,
        round(seconds * MICRO) if seconds else 0,
    )
    if min(units) < 0:
        raise ValueError(f"an amount cannot be negative: {amount}")
    return units


def amount(units: Exact) -> Amount:
    """The amount that `units` stand for."""
    return Amount(usd=units[0] / PICO, tokens=units[1], calls=units[2], seconds=units[3] / MICRO)


def bounds(limits: Limits) -> tuple[tuple[int, int], ...]:
    """The limits as (unit, most) pairs; a unit without a limit, or with one beyond all counting, has none."""
    wide = (limits.usd, limits.tokens, limits.calls, limits.seconds)
    scaled = [None if most is None else most * scale for most, scale in zip(wide, (PICO, 1, 1, MICRO), strict=True)]
    return tuple((unit, round(most)) for unit, most in enumerate(scaled) if most is not None and most < math.inf)


def plus(left: Exact, right: Exact) -> Exact:
    """The sum."""
    return (left[0] + right[0], left[1] + right[1], left[2] + right[2], left[3] + right[3])


def minus(left: Exact, right: Exact) -> Exact:
    """The difference."""
    return (left[0] - right[0], left[1] - right[1], left[2] - right[2], left[3] - right[3])


def shown(unit: int, units: int) -> float:
    """`units` of one unit as people read it: dollars, tokens, calls, seconds."""
    return units / (PICO, 1, 1, MICRO)[unit]


def covers(free: Exact, need: Exact) -> bool:
    """Whether `free` holds `need` in every unit."""
    return free[0] >= need[0] and free[1] >= need[1] and free[2] >= need[2] and free[3] >= need[3]


def at_least_zero(units: Exact) -> Exact:
    """The units, with 0 in the place of what is negative."""
    return (max(units[0], 0), max(units[1], 0), max(units[2], 0), max(units[3], 0))
