"""What a forecaster says of attempts that are under way."""

from __future__ import annotations

from dataclasses import dataclass

from parcae.core.task import Candidate

TRUSTED = 0.5  # with less trust than that a forecast is an abstention


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How likely the vote is to be wrong if everything carries on as now.

    `p_fail` and `trust` are in [0, 1]; policies act on what is `trusted`. `reasons` are short sentences for people.
    If it says so: how likely the vote is to be wrong if the next model takes over, `p_fail_after`; how likely each name
    of `candidates` is to be right; each attempt's `promise` in [0, 1]; and the p_fail above which stopping keeps what
    the forecaster promises of tasks that would have succeeded, `stop_above`.
    """

    p_fail: float
    trust: float = 1.0
    reasons: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    promise: tuple[float, ...] = ()
    p_fail_after: float | None = None
    stop_above: float | None = None

    @property
    def trusted(self) -> bool:
        """Whether to act on it; if not, it is an abstention."""
        return self.trust >= TRUSTED

    @property
    def gain(self) -> float | None:
        """How many solved tasks a swap is expected to add, p_fail - p_fail_after; None where nobody says."""
        return None if self.p_fail_after is None else self.p_fail - self.p_fail_after
