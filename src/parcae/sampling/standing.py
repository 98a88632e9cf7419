"""How a group of attempts stands, now or at an earlier look: all that a policy may know."""

from __future__ import annotations

from collections.abc import Sequence

from parcae.core.protocols import Forecast, Standing
from parcae.core.trajectory import Trajectory, cost_of
from parcae.sampling.attempts import Attempt


def standing_now(
    attempts: Sequence[Attempt], *, forecast: Forecast, spent_usd: float | None, ladder: tuple[str, ...], planned: int
) -> Standing:
    """The present state of `attempts`."""
    return Standing(
        steps=tuple(len(attempt.trajectory.steps) for attempt in attempts),
        ended=tuple(attempt.ended for attempt in attempts),
        rungs=tuple(attempt.rung for attempt in attempts),
        votes=_votes([attempt.trajectory for attempt in attempts]),
        forecast=forecast,
        spent_usd=spent_usd,
        ladder=ladder,
        planned=planned,
        answers=tuple(_answer(attempt.trajectory) for attempt in attempts),
        costs_usd=tuple(cost_of(attempt.trajectory.own) for attempt in attempts),
    )


def standing_at(standing: Standing, attempts: Sequence[Attempt], looked_at: Sequence[int]) -> Standing:
    """`standing` as it was when attempts had made `looked_at` steps.

    Where to pause next is derived from this and not from the present, so that a resumed group looks at the same
    moments as one that was never interrupted.
    """
    then = [attempt.trajectory.prefix(steps) for attempt, steps in zip(attempts, looked_at, strict=True)]
    return Standing(
        steps=tuple(looked_at),
        ended=tuple(trajectory.ending is not None for trajectory in then),
        rungs=standing.rungs,
        votes=_votes(then),
        forecast=standing.forecast,
        spent_usd=standing.spent_usd,
        ladder=standing.ladder,
        planned=standing.planned,
        answers=tuple(_answer(trajectory) for trajectory in then),
        costs_usd=tuple(cost_of(trajectory.own) for trajectory in then),
    )


def _votes(trajectories: Sequence[Trajectory]) -> tuple[tuple[str, ...], ...]:
    return tuple(answer for one in trajectories if (answer := _answer(one)) is not None)


def _answer(trajectory: Trajectory) -> tuple[str, ...] | None:
    """What an attempt votes for; None if it is open, or was stopped and does not count."""
    ending = trajectory.ending
    return None if ending is None or ending.reason in ("stopped", "cancelled") else ending.answer
