"""How a group of attempts stands, now or at an earlier look: all that a policy may know."""

from __future__ import annotations

from collections.abc import Sequence

from parcae.core.protocols import Forecast, Standing
from parcae.core.trajectory import Trajectory
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
    )


def _votes(trajectories: Sequence[Trajectory]) -> tuple[tuple[str, ...], ...]:
    endings = [trajectory.ending for trajectory in trajectories if trajectory.ending is not None]
    return tuple(ending.answer for ending in endings if ending.reason not in ("stopped", "cancelled"))
