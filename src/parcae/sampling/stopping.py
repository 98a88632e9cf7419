"""When the votes drawn so far are enough. Two rules, both pure functions of the votes."""

from __future__ import annotations

from collections.abc import Sequence

from parcae.sampling.vote import vote

ROUNDING = 1e-9  # shares such as 1/3 add up to a little more or less than they should


def lead(votes: Sequence[Sequence[str]]) -> float:
    """By how many attempts the first name leads the second; 0 without an answer."""
    scores = [candidate.score * len(votes) for candidate in vote(votes).candidates[:2]]
    if not scores:
        return 0.0
    return scores[0] - (scores[1] if len(scores) > 1 else 0.0)


def cannot_change(votes: Sequence[Sequence[str]], remaining: int) -> bool:
    """Whether the first name stays first whatever `remaining` attempts answer: each moves the lead by 1 at most."""
    return bool(votes) and lead(votes) > remaining + ROUNDING


def leads_by(votes: Sequence[Sequence[str]], attempts: float) -> bool:
    """Whether the first name leads by at least `attempts` (adaptive consistency, PAPERS section 1)."""
    return bool(votes) and lead(votes) + ROUNDING >= attempts > 0
