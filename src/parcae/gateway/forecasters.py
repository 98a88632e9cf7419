"""Forecasters by name, taken up anew when their file changes. Knows nothing of runs."""

from __future__ import annotations

from pathlib import Path

from parcae.core.protocols import Forecaster
from parcae.prediction.rule import RuleForecaster


class Forecasters:
    """`fitted` is the file that models without a forecaster of their own use; the rule until it is there."""

    def __init__(self, fitted: Path | None) -> None:
        self._fitted = fitted

    def named(self, name: str | None) -> Forecaster:
        """The forecaster that a plan names: "rule", a file, or None for the best there is."""
        return RuleForecaster()
