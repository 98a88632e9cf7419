"""A forecast that needs no training: votes of finished attempts, repeated calls, errors, missing answers.

    p_fail = 1 - c + 0.3 repeats + 0.3 errors + 0.2 silent,  kept within [0, 1]

with c the vote's confidence over finished attempts, drawn towards 1/2 as if two attempts more had said 1/2; `repeats`
the share of calls that an attempt had made before, `errors` the share of observations that are errors, `silent` the
share of finished attempts without an answer. The weights are a prior, not a fit: `parcae train` replaces them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from parcae.core.protocols import Forecast
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.sampling.vote import confidence

PRIOR_ATTEMPTS = 2
REPEATS, ERRORS, SILENT = 0.3, 0.3, 0.2


class RuleForecaster:
    """The forecaster of a fresh machine."""

    def watch(self, task: Task, samples: int) -> RuleWatch:
        """Begin to follow `samples` attempts at `task`."""
        return RuleWatch(samples=samples)


@dataclass(slots=True, kw_only=True)
class RuleWatch:
    """Counts; adding a step costs the step."""

    samples: int
    calls: int = 0
    repeated: int = 0
    observations: int = 0
    errors: int = 0
    seen: set[tuple[int, str, str]] = field(default_factory=set)
    answers: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def add(self, attempt: int, step: Step) -> None:
        """Take in one more complete step of attempt number `attempt`."""
        for call in step.reply.tool_calls if step.reply is not None else ():
            self.calls += 1
            key = (attempt, call.tool_name, json.dumps(call.args_as_dict(), sort_keys=True))
            self.repeated += key in self.seen
            self.seen.add(key)
        self.observations += len(step.observations)
        self.errors += sum(observation.is_error for observation in step.observations)
        if step.ending is not None:
            self.answers[attempt] = step.ending.answer

    def forecast(self) -> Forecast:
        """How likely the vote is to be wrong; trust grows with the share of attempts that were seen."""
        answers = [self.answers[attempt] for attempt in sorted(self.answers)]
        sure = confidence(answers) * len(answers) + PRIOR_ATTEMPTS / 2
        certainty = sure / (len(answers) + PRIOR_ATTEMPTS)
        repeats = self.repeated / max(1, self.calls)
        errors = self.errors / max(1, self.observations)
        silent = sum(not answer for answer in answers) / max(1, len(answers))
        p_fail = 1 - certainty + REPEATS * repeats + ERRORS * errors + SILENT * silent
        seen_attempts = len({attempt for attempt, _, _ in self.seen} | set(self.answers))
        return Forecast(
            p_fail=min(1.0, max(0.0, p_fail)),
            trust=min(1.0, seen_attempts / max(1, self.samples)),
            reasons=_reasons(len(answers), self.samples, confidence(answers), repeats, errors, silent),
        )


def _reasons(ended: int, samples: int, sure: float, repeats: float, errors: float, silent: float) -> tuple[str, ...]:
    reasons = [f"{ended} of {samples} attempts ended, their vote's confidence is {sure:.2f}"]
    if repeats:
        reasons.append(f"{repeats:.0%} of the calls were made before")
    if errors:
        reasons.append(f"{errors:.0%} of the calls failed")
    if silent:
        reasons.append(f"{silent:.0%} of them gave no answer")
    return tuple(reasons)
