"""The plain policies: none, parallel@K, sequential@K, stop@K, adaptive@L, consistency@P, esc@W. Pure functions.

Sources: Atropos (PAPERS section 1, "Definitions") for parallel, sequential and early termination; adaptive
consistency for drawing until the vote leads. Knows nothing of forecasters.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from parcae.core.errors import CallerMistake
from parcae.core.plan import StagePlan
from parcae.core.plan_fields import shown
from parcae.core.plan_rungs import CLIMB_CURE
from parcae.core.protocols import Decision, Policy, Standing
from parcae.hotswap.climb import Climb
from parcae.sampling.stopping import cannot_change, last_agree, leads_by, majority_is_sure

FORMS = "none, parallel@K, sequential@K, stop@K, adaptive@L, consistency@P, esc@W, climb"
LONGEST = 40  # characters of a short form: a number of more digits is a slip of the pen
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
        return _lost(standing) or Decision(action="carry_on", why=_because(standing, _let_be(standing)))


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
        if _swappable(standing) and rung < len(standing.ladder):
            return Decision(action="start", rung=rung, why=_because(standing, "the vote looks lost"))
        return Decision(action="carry_on", why=_because(standing, _let_be(standing)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """All attempts run to step `k`; if the vote looks lost, no more is spent on the task."""

    k: int

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """Wait once, at k steps."""
        return tuple(_not_passed(self.k, steps) for steps in standing.steps)

    def decide(self, standing: Standing) -> Decision:
        """Stop if failure is likelier than not, and so likely that the forecaster's promise is kept, if it has one."""
        bound = max(FAILS, standing.forecast.stop_above or 0.0)
        if not all(standing.ended) and _looks_lost(standing, bound):
            return Decision(action="finish", why=_because(standing, "stopped early: the vote looks lost"))
        return Decision(action="carry_on", why=_because(standing, "looks well enough"))


class OneByOne(ABC):
    """One attempt after another: what the adaptive policies have in common."""

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """Only the first attempt that has not ended may run."""
        ended = standing.ended
        following = ended.index(False) if False in ended else len(ended)
        return tuple(None if number <= following else 0 for number in range(len(ended)))

    def decide(self, standing: Standing) -> Decision:
        """Vote as soon as more votes would not pay."""
        enough = self.enough(standing)
        if enough:
            return Decision(action="finish", why=enough)
        if cannot_change(standing.votes, standing.ended.count(False)):
            return Decision(action="finish", why="the vote can no longer change")
        return Decision(action="carry_on", why="the vote is still open")

    @abstractmethod
    def enough(self, standing: Standing) -> str | None:
        """Why the votes are enough; None if they are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive(OneByOne):
    """One attempt after another, until the first name leads by `lead` attempts or the vote can no longer change."""

    lead: float

    def enough(self, standing: Standing) -> str | None:
        """The lead is there."""
        return (
            f"the first name leads by {self.lead:g} attempts or more" if leads_by(standing.votes, self.lead) else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency(OneByOne):
    """One attempt after another, until the first name's majority is sure with probability `confidence`."""

    confidence: float

    def enough(self, standing: Standing) -> str | None:
        """The majority is sure."""
        sure = majority_is_sure(standing.votes, self.confidence)
        return f"the majority is {self.confidence:.0%} sure" if sure else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows(OneByOne):
    """Attempts in windows of `window`, until all of one window agree (early-stopping self-consistency)."""

    window: int

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """Attempts run up to the end of the window that is open."""
        ended = standing.ended.count(True)
        through = (ended // self.window + 1) * self.window
        return tuple(None if number < through else 0 for number in range(len(standing.ended)))

    def enough(self, standing: Standing) -> str | None:
        """A whole window agrees."""
        agree = last_agree(standing.votes, self.window)
        return f"the last {self.window} attempts agree" if agree else None


def parse_policy(text: str) -> Policy:
    """The policy that `text` names, see FORMS; "climb" needs its rungs and is made by `policy_of`.

    Raises:
        CallerMistake: no such policy, or no number of 1 or more where one belongs.
    """
    if text == "none":
        return Never()
    if text == "climb":
        raise CallerMistake('the policy "climb" needs the rungs of a plan', CLIMB_CURE)
    found = re.fullmatch(
        r"(parallel|sequential|stop)@([1-9]\d*)|(adaptive|consistency)@(\d+(?:\.\d+)?)|(esc)@([2-9]|[1-9]\d+)", text
    )
    outside = found is not None and (
        len(found[0]) > LONGEST
        or (found[3] == "consistency" and not 0.5 < float(found[4]) < 1)
        or (found[3] == "adaptive" and not float(found[4]))
    )
    if found is None or outside:
        raise CallerMistake(
            f"there is no policy {shown(text)}",
            f"use one of {FORMS}; K counts steps or attempts from 1, L is more than 0, P is between 0.5 and 1, W 2 or "
            "more",
        )
    if found[3]:
        number = float(found[4])
        return Adaptive(lead=number) if found[3] == "adaptive" else Consistency(confidence=number)
    if found[5]:
        return Windows(window=int(found[6]))
    k = int(found[2])
    kinds: dict[str, type[Parallel | Sequential | Stop]] = {
        "parallel": Parallel,
        "sequential": Sequential,
        "stop": Stop,
    }
    return kinds[found[1]](k=k)


def policy_of(stage: StagePlan) -> Policy:
    """The policy that a stage of a plan names.

    Raises:
        CallerMistake: there is none such; "climb" has no rungs.
    """
    if stage.policy != "climb":
        return parse_policy(stage.policy)
    if not stage.climb:
        raise CallerMistake('the policy "climb" has no rungs', CLIMB_CURE)
    return Climb(rungs=stage.climb, price=stage.price)


def _not_passed(look: int | None, steps: int) -> int | None:
    """The moment to look at, unless it lay at or before the last look."""
    return None if look is None or steps >= look else look


def _lost(standing: Standing) -> Decision | None:
    open_rungs = [rung for rung, ended in zip(standing.rungs, standing.ended, strict=True) if not ended]
    rung = max(open_rungs, default=0) + 1
    if not open_rungs or rung >= len(standing.ladder) or not _swappable(standing):
        return None
    return Decision(action="swap", rung=rung, why=_because(standing, "the vote looks lost"))


def _looks_lost(standing: Standing, bound: float = FAILS) -> bool:
    """Whether the vote looks lost to a forecast that is trusted."""
    return standing.forecast.trusted and standing.forecast.p_fail > bound


def _swappable(standing: Standing) -> bool:
    """The vote looks lost, and a swap is expected to help, where anybody says so."""
    gain = standing.forecast.gain
    return _looks_lost(standing) and (gain is None or gain > 0)


def _let_be(standing: Standing) -> str:
    lost = _looks_lost(standing) and not _swappable(standing)
    return "the vote looks lost, but a swap is not expected to help" if lost else "looks well enough"


def _because(standing: Standing, verdict: str) -> str:
    """The verdict and what it rests on; an abstention says why it is one."""
    forecast, reasons = standing.forecast, "; ".join(standing.forecast.reasons)
    if not forecast.trusted:
        return f"the forecast is not trusted: its trust is {forecast.trust:.2f}{'; ' + reasons if reasons else ''}"
    return f"{verdict} (p_fail {forecast.p_fail:.2f}{': ' + reasons if reasons else ''})"
