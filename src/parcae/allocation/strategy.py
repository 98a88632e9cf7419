"""The seam of every search strategy, and the loop that drives one. Knows no strategy by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from parcae.allocation.history import History, Proposal, Round
from parcae.allocation.problem import Problem


class Strategy(Protocol):
    """Chooses what to run next: a pure function of the history, so a search resumes from its rounds alone."""

    async def propose(self, history: History) -> Proposal | None:
        """The next configurations and items; None when there is nothing left that it wants to know.

        Asked twice with equal histories it answers the same. Nothing over the budget, nothing beyond
        `history.problem.items`, nothing empty.
        """
        ...

    def choose(self, history: History) -> int:
        """The configuration to recommend as things stand; always an affordable one."""
        ...


class Environment(Protocol):
    """Runs configurations on items: live, from recordings, or made up."""

    async def run(self, proposal: Proposal) -> Round:
        """Score each configuration on each item. Draws only samples that were never drawn before."""
        ...


def unwatched(history: History) -> None:
    """For searches that nobody watches."""


async def search(
    problem: Problem,
    strategy: Strategy,
    environment: Environment,
    *,
    history: History | None = None,
    watch: Callable[[History], None] = unwatched,
) -> History:
    """Ask the strategy and run what it proposes until it wants nothing more or the search's own budget is used up."""
    history = History.empty(problem) if history is None else history
    while not history.used_up:
        proposal = await strategy.propose(history)
        if proposal is None:
            break
        history = history.told(await environment.run(proposal))
        watch(history)
    return history
