"""When the votes drawn so far are enough. All rules are pure functions of the votes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from parcae.sampling.vote import vote

ROUNDING = 1e-9  # shares such as 1/3 add up to a little more or less than they should


def lead(votes: Sequence[Sequence[str]]) -> float:
    """By how many attempts the first name leads the second; 0 without an answer."""
    first, second = _first_two(votes)
    return first - second


def cannot_change(votes: Sequence[Sequence[str]], remaining: int) -> bool:
    """Whether the first name stays first whatever `remaining` attempts answer: each moves the lead by 1 at most."""
    return bool(votes) and lead(votes) > remaining + ROUNDING


def leads_by(votes: Sequence[Sequence[str]], attempts: float) -> bool:
    """Whether the first name leads by at least `attempts` (adaptive consistency, PAPERS section 1)."""
    return bool(votes) and lead(votes) + ROUNDING >= attempts > 0


def majority_is_sure(votes: Sequence[Sequence[str]], confidence: float) -> bool:
    """Whether the first name beats the second with probability `confidence`, given a flat prior over their shares.

    Source: adaptive consistency (Aggarwal et al. 2023, arXiv:2305.11860), its Beta form. Ours takes fractions of votes.
    """
    first, second = _first_two(votes)
    if not first:
        return False
    return 1 - _beta_below_half(round(first + 1, 6), round(second + 1, 6)) + ROUNDING >= confidence


def _first_two(votes: Sequence[Sequence[str]]) -> tuple[float, float]:
    """How many attempts the first two names have; 0 where there are fewer."""
    scores = [candidate.score * len(votes) for candidate in vote(votes).candidates[:2]]
    first, second, *_ = *scores, 0.0, 0.0
    return first, second


@lru_cache(maxsize=4096)
def _beta_below_half(a: float, b: float, pieces: int = 128) -> float:
    """P(X < 1/2) of X ~ Beta(a, b) with a, b >= 1, by Simpson's rule."""
    log_norm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    def density(x: float) -> float:
        if x <= 0.0:
            return math.exp(log_norm) if a == 1.0 else 0.0
        return math.exp(log_norm + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))

    step = 0.5 / pieces
    inner = sum((4 if i % 2 else 2) * density(i * step) for i in range(1, pieces))
    return (density(0.0) + inner + density(0.5)) * step / 3


def last_agree(votes: Sequence[Sequence[str]], window: int) -> bool:
    """Whether the last `window` attempts named the same, and something.

    Source: early-stopping self-consistency (Li et al. 2024, arXiv:2401.10480); it looks after each whole window.
    """
    if not votes or len(votes) % window:
        return False
    last = {frozenset(answer) for answer in votes[-window:]}
    return len(last) == 1 and last != {frozenset()}
