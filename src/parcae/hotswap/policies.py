"""The plain policies: none, parallel@K, sequential@K, stop@K, adaptive@L. Pure functions of how a group stands.

Sources: Atropos (PAPERS section 1, "Definitions") for parallel, sequential and early termination; adaptive
consistency for drawing until the vote leads. Knows nothing of forecasters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Decision, Policy, Standing
from parcae.sampling.stopping import cannot_change, leads_by

FORMS = "none, parallel@K, sequential@K, stop@K, adaptive@L"
FAILS = 0.5  # act when the vote is more likely wrong than right


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """Let all attempts run to their end, then vote."""

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """Nobody waits."""
        return (None,) * len(standing.steps)

    def decide(self, standing: Standing) -> Decision:
        """Vote."""
        return Decision(action="finish", why="every attempt has ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """All attempts run to step `k`; if the vote looks lost, those still open go on with the next model."""

    k: int

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """Attempts on the strongest model never wait; others wait once a rung, every k steps."""
        last = len(standing.ladder) - 1
        looks = [None if rung == last else self.k * (rung + 1) for rung in standing.rungs]
        return tuple(_not_passed(look, steps) for look, steps in zip(looks, standing.steps, strict=True))

    def decide(self, standing: Standing) -> Decision:
        """Swap what is open, once a rung, if failure is likelier than not."""
        return _lost(standing) or Decision(action="carry_on", why=_because(standing, "looks well enough"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequential:
    """The first `k` attempts run to their end; if their vote looks lost, the others start on the next model."""

    k: int

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """Attempts beyond the first k do not start before they are looked at."""
        looked = any(standing.ended)
        return tuple(None if looked or number < self.k else 0 for number in range(len(standing.steps)))

    def decide(self, standing: Standing) -> Decision:
        """Start the rest, on the next model if failure is likelier than not."""
        rung = max(standing.rungs, default=0) + 1
        if all(standing.ended):
            return Decision(action="finish", why="every attempt has ended")
        if _distrusted(standing) and rung < len(standing.ladder):
            return Decision(action="start", rung=rung, why=_because(standing, "the vote looks lost"))
        return Decision(action="carry_on", why=_because(standing, "looks well enough"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """All attempts run to step `k`; if the vote looks lost, no more is spent on the task."""

    k: int

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """Wait once, at k steps."""
        return tuple(_not_passed(self.k, steps) for steps in standing.steps)

    def decide(self, standing: Standing) -> Decision:
        """Stop if failure is likelier than not."""
        if not all(standing.ended) and _distrusted(standing):
            return Decision(action="finish", why=_because(standing, "stopped early: the vote looks lost"))
        return Decision(action="carry_on", why=_because(standing, "looks well enough"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """One attempt after another, until the first name leads by `lead` attempts or the vote can no longer change."""

    lead: float

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """Only the first attempt that has not ended may run."""
        ended = standing.ended
        following = ended.index(False) if False in ended else len(ended)
        return tuple(None if number <= following else 0 for number in range(len(ended)))

    def decide(self, standing: Standing) -> Decision:
        """Vote as soon as more votes would not pay."""
        left = standing.ended.count(False)
        if leads_by(standing.votes, self.lead):
            return Decision(action="finish", why=f"the first name leads by {self.lead:g} attempts or more")
        if cannot_change(standing.votes, left):
            return Decision(action="finish", why="the vote can no longer change")
        return Decision(action="carry_on", why="the vote is still open")


def parse_policy(text: str) -> Policy:
    """The policy that `text` names: `none`, `parallel@K`, `sequential@K`, `stop@K` or `adaptive@L`.

    Raises:
        CallerMistake: no such policy, or no number of 1 or more where one belongs.
    """
    if text == "none":
        return Never()
    found = re.fullmatch(r"(parallel|sequential|stop)@([1-9]\d*)|(adaptive)@(\d+(?:\.\d+)?)", text)
    if found is None:
        raise CallerMistake(f"there is no policy {text!r}", f"use one of {FORMS}; K counts steps or attempts from 1")
    if found[3]:
        return Adaptive(lead=float(found[4]))
    k = int(found[2])
    kinds: dict[str, type[Parallel | Sequential | Stop]] = {
        "parallel": Parallel,
        "sequential": Sequential,
        "stop": Stop,
    }
    return kinds[found[1]](k=k)


def _not_passed(look: int | None, steps: int) -> int | None:
    """The moment to look at, unless it lay at or before the last look."""
    return None if look is None or steps >= look else look


def _lost(standing: Standing) -> Decision | None:
    open_rungs = [rung for rung, ended in zip(standing.rungs, standing.ended, strict=True) if not ended]
    rung = max(open_rungs, default=0) + 1
    if not open_rungs or rung >= len(standing.ladder) or not _distrusted(standing):
        return None
    return Decision(action="swap", rung=rung, why=_because(standing, "the vote looks lost"))


def _distrusted(standing: Standing) -> bool:
    return standing.forecast.trust > 0 and standing.forecast.p_fail > FAILS


def _because(standing: Standing, verdict: str) -> str:
    reasons = "; ".join(standing.forecast.reasons)
    return f"{verdict} (p_fail {standing.forecast.p_fail:.2f}{': ' + reasons if reasons else ''})"
