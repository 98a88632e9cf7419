"""A forecast that needs no training: votes of finished attempts, repeated calls, errors, missing answers.

    p_fail = 1 - c + 0.3 repeats + 0.3 errors + 0.2 silent,  kept within [0, 1]

with c the vote's confidence over finished attempts, drawn towards 1/2 as if two attempts more had said 1/2; `repeats`
the share of calls that an attempt had made before, `errors` the share of calls that came back as errors, `silent` the
share of finished attempts without an answer. The weights are a prior, not a fit: `parcae train` replaces them.
"""

from __future__ import annotations

from dataclasses import dataclass

from parcae.core.protocols import Forecast
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.graphs.agreement import promises
from parcae.graphs.features import error_share, repeat_share, vote_confidence_of_ended
from parcae.graphs.tally import Tally, facts_of
from parcae.graphs.turns import Turn, turn_of

PRIOR_ATTEMPTS = 2
REPEATS, ERRORS, SILENT = 0.3, 0.3, 0.2


class RuleForecaster:
    """The forecaster of a fresh machine."""

    def watch(self, task: Task, samples: int) -> RuleWatch:
        """Begin to follow `samples` attempts at `task`."""
        return RuleWatch(tally=Tally(samples=max(1, samples), facts=facts_of(task)))


@dataclass(slots=True, kw_only=True)
class RuleWatch:
    """Counts; adding a step costs the step."""

    tally: Tally

    def add(self, attempt: int, step: Step) -> None:
        """Take in one more complete step of attempt number `attempt`."""
        self.tally.add(attempt, turn_of(step))

    def take_turn(self, attempt: int, turn: Turn, model: str) -> None:
        """The same from the step's turn."""
        self.tally.add(attempt, turn)

    def forecast(self) -> Forecast:
        """How likely the vote is to be wrong; once an attempt was seen, trust grows from 1/2 with the share of them."""
        tally = self.tally
        share = min(1.0, len(tally.lengths) / tally.samples)
        return Forecast(
            p_fail=rule_p_fail(tally),
            trust=(1 + share) / 2 if share else 0.0,
            reasons=_reasons(tally),
            promise=promises(tally),
        )


def rule_p_fail(tally: Tally) -> float:
    """The rule's probability that the vote is wrong."""
    ended = len(tally.answers)
    certainty = (vote_confidence_of_ended(tally) * ended + PRIOR_ATTEMPTS / 2) / (ended + PRIOR_ATTEMPTS)
    p_fail = 1 - certainty + REPEATS * repeat_share(tally) + ERRORS * error_share(tally) + SILENT * _silent(tally)
    return min(1.0, max(0.0, p_fail))


def _silent(tally: Tally) -> float:
    return sum(not answer for answer in tally.answers.values()) / max(1, len(tally.answers))


def _reasons(tally: Tally) -> tuple[str, ...]:
    sure = vote_confidence_of_ended(tally)
    reasons = [f"{len(tally.answers)} of {tally.samples} attempts ended, their vote's confidence is {sure:.2f}"]
    if repeats := repeat_share(tally):
        reasons.append(f"{repeats:.0%} of the calls were made before")
    if errors := error_share(tally):
        reasons.append(f"{errors:.0%} of the calls failed")
    if silent := _silent(tally):
        reasons.append(f"{silent:.0%} of them gave no answer")
    return tuple(reasons)
