"""Which set-ups (model, tools, prompt version) fail from the start: nothing to forecast there, something to mend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from parcae.prediction.prefixes import Group, Setup

HOPELESS = 0.8  # the failure rate that even the lower bound must reach
Z = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupRecord:
    """How one set-up did. `low`, `high`: 95 % Wilson interval of its failure rate."""

    setup: Setup
    tasks: int
    failure_rate: float
    low: float
    high: float

    def __str__(self) -> str:
        tools = ", ".join(self.setup.tools) or "its tools"
        model = self.setup.model or "an unknown model"
        name = f"{model}, prompt {self.setup.prompt}," if self.setup.prompt else model
        return f"{name} with {tools}: {self.failure_rate:.0%} of {self.tasks} tasks"

    @property
    def fails_from_the_start(self) -> bool:
        """Whether even the lower bound says that most tasks fail."""
        return self.low >= HOPELESS


def setup_records(groups: Sequence[Group]) -> list[SetupRecord]:
    """One record a set-up, the worst first."""
    verdicts: dict[Setup, list[bool]] = {}
    for group in groups:
        if group.failed is not None and not group.extra:
            verdicts.setdefault(group.setup, []).append(group.failed)
    records = [_record(setup, own) for setup, own in verdicts.items()]
    return sorted(records, key=lambda record: -record.low)


def _record(setup: Setup, verdicts: Sequence[bool]) -> SetupRecord:
    count, share = len(verdicts), sum(verdicts) / len(verdicts)
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return SetupRecord(
        setup=setup, tasks=count, failure_rate=share, low=max(0.0, middle - half), high=min(1.0, middle + half)
    )
