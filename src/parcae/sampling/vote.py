"""Many answers become one: AutoFL's vote with its tie-breaks. Knows nothing of how answers were found.

Source: PAPERS section 1, "AutoFL": each attempt gives every name in its answer 1/|answer|; the sum is divided by R.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from parcae.core.task import Answer, Candidate

TieBreak = Callable[[str], tuple[float, ...]]


def no_preference(name: str) -> tuple[float, ...]:
    """Ties are broken by order alone."""
    return ()


def vote(answers: Sequence[Sequence[str]], *, prefer: TieBreak = no_preference) -> Answer:
    """The names that `answers` (one sequence an attempt, empty if it has no answer) agree on, best first.

    The score of a name is the sum over attempts of 1/|answer| for answers that hold it, divided by the number of
    attempts; it is in [0, 1]. Ties: the larger `prefer(name)` first (for AutoFL: failing tests that cover it, then how
    often it was looked at), then the order in which names were first given.
    """
    same = tuple([tuple(answer) for answer in answers])
    return _plain(same) if prefer is no_preference else _vote(same, prefer)


@lru_cache(maxsize=4096)  # a decision asks more than once, and policies replayed over one order ask the same
def _plain(answers: tuple[tuple[str, ...], ...]) -> Answer:
    return _vote(answers, no_preference)


def _vote(answers: Sequence[tuple[str, ...]], prefer: TieBreak) -> Answer:
    shares: dict[str, float] = {}
    for answer in answers:
        distinct = tuple(dict.fromkeys(answer))
        for name in distinct:
            shares[name] = shares.get(name, 0.0) + 1.0 / len(distinct)

    def rank(name: str) -> tuple[float, tuple[float, ...]]:  # sorting is stable: what ties stays as first given
        return -round(shares[name], 9), tuple([-weight for weight in prefer(name)])

    ranked = sorted(shares, key=rank)
    return Answer(
        candidates=tuple(Candidate(name=name, score=shares[name] / len(answers)) for name in ranked),
        attempts=len(answers),
    )


def confidence(answers: Sequence[Sequence[str]]) -> float:
    """The largest share of the vote, in [0, 1]; 0 without any answer."""
    return vote(answers).confidence
