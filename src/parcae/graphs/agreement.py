"""How promising each attempt of a group is: how much it looks where the others look. Knows nothing of forecasters.

    promise(a) = mean over the pointed nodes n that a passed of (attempts that passed n - 1) / (attempts that began - 1)

It needs no training. Where attempts agree on what to look at, their votes agree later, and votes that agree are right
more often (PAPERS section 1: sharing of nodes); an attempt that looks where nobody else does is the one to lose.
"""

from __future__ import annotations

from parcae.graphs.tally import Tally


def promises(tally: Tally) -> tuple[float, ...]:
    """The promise of each attempt, in [0, 1], by number; 0 for one that looked at nothing yet. Empty: none began."""
    if not tally.lengths:
        return ()
    others = max(1, len(tally.lengths) - 1)
    each = range(max(tally.lengths) + 1)
    return tuple(tally.joined[one] / (others * max(1, tally.visited[one])) for one in each)
