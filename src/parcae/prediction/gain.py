"""What a swap is expected to bring: how likely the vote fails as things are, less how likely it fails after the swap.

A vote that is most surely lost is not the one that a swap helps most: the hardest tasks fail with any model. So two
forecasters are asked, one that learned from attempts that were left alone, one from attempts that were swapped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from parcae.core.protocols import Forecast, Forecaster, Watch
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.prediction.fitted import Fitted, FittedWatch

SWAPPED = ".swapped"  # ends the kind of task of a forecaster that learned from swapped attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapForecaster:
    """`now` forecasts as ever; `after` was trained on what became of attempts that were swapped, at that moment."""

    now: Forecaster
    after: Fitted

    def watch(self, task: Task, samples: int) -> SwapWatch:
        """Begin to follow `samples` attempts at `task`."""
        return SwapWatch(now=self.now.watch(task, samples), after=self.after.watch(task, samples))


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapWatch:
    """Both, step by step."""

    now: Watch
    after: FittedWatch

    def add(self, attempt: int, step: Step) -> None:
        """Take in one more complete step of attempt number `attempt`."""
        self.now.add(attempt, step)
        self.after.add(attempt, step)

    def forecast(self) -> Forecast:
        """The forecast of `now` with what a swap would change, unless that is not to be trusted here.

        It learned from first takeovers: once another model is at work, or one that it never saw, it says nothing.
        """
        now, after = self.now.forecast(), self.after.forecast()
        if not after.trusted or self.after.strangers():
            doubt = f"what a swap brings is not known here: {'; '.join(after.reasons[1:])}"
            return replace(now, reasons=(*now.reasons, doubt))
        said = f"after a swap {after.p_fail:.0%} of such votes fail"
        return replace(now, reasons=(*now.reasons, said), p_fail_after=after.p_fail)
