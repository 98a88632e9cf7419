"""Forecasters by name, taken up anew when their file changes: runs that begin after that are watched by the new one.

Knows nothing of runs, nor of what is in a file.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Forecaster
from parcae.prediction.rule import RuleForecaster

RULE = "rule"
_LOOK_SECONDS = 1.0
_log = logging.getLogger("parcae.gateway")


def fitted(file: Path) -> Forecaster:
    """The trained forecaster in `file`. What reads it is loaded only for this, since it needs more than the rule does.

    Raises:
        CallerMistake: there is none, or it cannot be used.
    """
    from parcae.prediction.fitted import load

    return load(file)


class Forecasters:
    """`fitted` is the file that models without a forecaster of their own use; the rule until it is there.

    `load` reads a file and raises CallerMistake for one that cannot be used; then the one before it stays.
    """

    def __init__(
        self, fitted: Path | None, load: Callable[[Path], Forecaster], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._fitted, self._load, self._now = fitted, load, now
        self._rule = RuleForecaster()
        self._known: dict[Path, Forecaster] = {}
        self._seen: dict[Path, tuple[int, int] | None] = {}
        self._looked_at: dict[Path, float] = {}

    def named(self, name: str | None) -> Forecaster:
        """The forecaster that a plan names: "rule", a file, or None for the fitted one if it is there."""
        file = self._fitted if name is None else Path(name).expanduser()
        if name == RULE or file is None:
            return self._rule
        now = self._now()
        if now - self._looked_at.get(file, float("-inf")) >= _LOOK_SECONDS:
            self._looked_at[file] = now
            self._look(file)
        return self._known.get(file, self._rule)

    def _look(self, file: Path) -> None:
        try:
            facts = file.stat()
        except FileNotFoundError:
            return
        stamp = (facts.st_mtime_ns, facts.st_size)
        if self._seen.get(file) == stamp:
            return
        self._seen[file] = stamp
        try:
            self._known[file] = self._load(file)
        except CallerMistake as mistake:
            _log.error("the forecaster is not taken up: %s", mistake)
        else:
            _log.info("the forecaster %s is taken up", file)
