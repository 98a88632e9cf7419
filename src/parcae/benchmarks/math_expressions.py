"""The value of a written formula at a few fixed points, so that formulas can be compared. Runs no code of the text.

sum := product (("+" | "-") product)*      product := power (("*" | "/")? power)*      power := atom ("^" signed)?
"""

from __future__ import annotations

import cmath
import re

_TOKEN = re.compile(r"\d+(?:\.\d*)?|\.\d+|pi|sqrt|sin|cos|tan|log|ln|[a-zA-Z]|[-+*/^()]")
_FUNCTIONS = {
    "sqrt": cmath.sqrt,
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "log": cmath.log,
    "ln": cmath.log,
}
_POINTS = (0.7310585, 1.6180339, 2.2360679)
_NAMES = re.compile("pi|sqrt|sin|cos|tan|log|ln")
_MOST_CHARS, _MOST_OPEN = 200, 20


def values_of(form: str) -> tuple[complex, ...] | None:
    """The formula's value at each point; None if it is none, is too long, or has no value there."""
    tokens = _TOKEN.findall(form)
    if len(form) > _MOST_CHARS or "".join(tokens) != form or not tokens or form.count("(") > _MOST_OPEN:
        return None
    if re.search(r"[a-zA-Z]{3}", _NAMES.sub("", form)) or re.fullmatch(r"(?!pi$)[a-zA-Z]{2,}", form):
        return None  # a word
    try:
        return tuple(_Reader(tokens, point).all() for point in _POINTS)
    except (ValueError, ArithmeticError):
        return None


class _Reader:
    """Reads tokens from the left; `point` makes the values of letters."""

    def __init__(self, tokens: list[str], point: float) -> None:
        self.tokens, self.point, self.place = tokens, point, 0

    def all(self) -> complex:
        value = self._sum()
        if self.place < len(self.tokens):
            raise ValueError(self.tokens[self.place])
        return value

    def _next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self.place += 1
        return token

    def _sum(self) -> complex:
        value = self._product()
        while self._next() in ("+", "-"):
            value += self._product() if self._take() == "+" else -self._product()
        return value

    def _product(self) -> complex:
        value = self._signed()
        while self._next() not in ("", "+", "-", ")"):
            if self._next() == "/":
                self._take()
                value /= self._signed()
                continue
            if self._next() == "*":
                self._take()
            value *= self._signed()
        return value

    def _signed(self) -> complex:
        sign = 1
        while self._next() in ("+", "-"):
            sign *= -1 if self._take() == "-" else 1
        return sign * self._power()

    def _power(self) -> complex:
        below = self._atom()
        if self._next() != "^":
            return below
        self._take()
        above: complex = below ** self._signed()
        return above

    def _atom(self) -> complex:
        token = self._take()
        if token == "(":
            value = self._sum()
            if self._take() != ")":
                raise ValueError("a bracket is not closed")
            return value
        if token in _FUNCTIONS:
            return _FUNCTIONS[token](self._atom())
        if token == "pi":
            return complex(cmath.pi)
        if token.isalpha():
            return complex(self.point + 0.137 * (ord(token) - 96))
        return complex(float(token))
