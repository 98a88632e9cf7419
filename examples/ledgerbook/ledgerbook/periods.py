"""Stretches of days: a month, a quarter, a year."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta


class BadPeriod(ValueError):
    """A text that is no period."""


@dataclass(frozen=True)
class Period:
    """The days from `first` to `last`, both of which belong to it."""

    first: date
    last: date

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read "2026", "2026-q1" or "2026-03"."""
        year, _, rest = text.strip().lower().partition("-")
        if not year.isdigit():
            raise BadPeriod(f"{text!r} is no period; write 2026, 2026-q1 or 2026-03")
        if rest.startswith("q"):
            return _quarter(int(year), int(rest[1:]))
        return _months(int(year), int(rest), int(rest)) if rest else _months(int(year), 1, 12)

    def covers(self, day: date) -> bool:
        """Whether `day` belongs to the period."""
        return self.first <= day <= self.last

    def before(self, day: date) -> bool:
        """Whether the whole period lies before `day`."""
        return self.last < day

    def previous_day(self) -> date:
        """The day before the period begins."""
        return self.first - timedelta(days=1)


def _months(year: int, first: int, last: int) -> Period:
    return Period(date(year, first, 1), date(year, last, _length(year, last)))


def _quarter(year: int, number: int) -> Period:
    return _months(year, 3 * number - 1, 3 * number + 1)


def _length(year: int, month: int) -> int:
    return monthrange(year, month)[1]
