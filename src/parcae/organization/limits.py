"""What bounds an organisation. Every bound queues; none refuses work. Knows nothing of who is in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyLimits:
    """How large and how long.

    `agents`: how many may be at work at once, the boss included. `depth`: of the tree; the boss alone has depth 1.
    `children`: how many of one superior may be at work at once. `concurrent`: turns at the same time. `rejections`:
    how often one result may come back. `seconds`: the deadline, None for none. `wind_up`: the part of money or time
    whose spending begins the wind-up. `letters`: how many letters two employees may exchange without any other act.
    `turn_steps`: model calls in one turn. `reviews` off: every result counts as it comes. `monitors` off: nothing is
    noticed and nothing cured. Both are for measuring what they are worth.
    """

    agents: int = 100
    depth: int = 5
    children: int = 25
    concurrent: int = 16
    rejections: int = 3
    seconds: float | None = None
    wind_up: float = 0.9
    letters: int = 6
    repeats: int = 3
    turn_steps: int = 24
    reviews: bool = True
    monitors: bool = True


USUAL = CompanyLimits()
