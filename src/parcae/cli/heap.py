"""How often this process looks for garbage in cycles: rarely. Only commands set it, since it is for a whole process."""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 50_000, 20, 50


def collect_rarely() -> None:
    """Look at what is new after 50,000 objects instead of 700.

    A step's objects form no cycles and go when they are let go of; looking through all that lives, again and again,
    was a quarter of the CPU of 1,000 agents. What cycles there are wait a little longer.
    """
    gc.set_threshold(YOUNG, MIDDLE, OLD)
