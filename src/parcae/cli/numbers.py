"""The type of options that hold a number: what is none ("nan") is refused, as every bound would let it through."""

from __future__ import annotations

import math
from typing import Any

import click

MOST_SECONDS = 1_000_000.0  # a limit on time must be one that the system can set


class NumberRange(click.FloatRange):
    """A number between bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, checked."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is no number; give one in the range {self._describe_range()}.", param, ctx)
        return number
