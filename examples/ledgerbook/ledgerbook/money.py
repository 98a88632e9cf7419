"""Amounts of money as whole cents, so that no penny is ever lost to floating point."""

from __future__ import annotations

from dataclasses import dataclass


class BadAmount(ValueError):
    """A text that is no amount of money."""


@dataclass(frozen=True, order=True)
class Money:
    """An amount in cents; it may be negative."""

    cents: int = 0

    @classmethod
    def parse(cls, text: str) -> Money:
        """Read "1,250.00", "-3.5" or "17"."""
        sign, digits = _split_sign(text.strip().replace(",", ""))
        whole, _, fraction = digits.partition(".")
        if not whole.isdigit() or not (fraction == "" or fraction.isdigit()) or len(fraction) > 2:
            raise BadAmount(f"{text!r} is no amount of money")
        return cls(sign * (int(whole) * 100 + int(fraction.ljust(2, "0"))))

    def __add__(self, other: Money) -> Money:
        return Money(self.cents + other.cents)

    def __sub__(self, other: Money) -> Money:
        return Money(self.cents - other.cents)

    def __neg__(self) -> Money:
        return Money(-self.cents)

    def __bool__(self) -> bool:
        return self.cents != 0

    def __str__(self) -> str:
        sign = "-" if self.cents < 0 else ""
        whole, fraction = divmod(abs(self.cents), 100)
        return f"{sign}{whole:,}.{fraction:02}"


ZERO = Money()


def total(amounts: list[Money]) -> Money:
    """The sum of `amounts`; zero for none."""
    result = ZERO
    for amount in amounts:
        result = result + amount
    return result


def _split_sign(text: str) -> tuple[int, str]:
    if text.startswith("-"):
        return -1, text[1:]
    return 1, text.removeprefix("+")
