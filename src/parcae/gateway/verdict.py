"""What is to be done about a run: its watch forecasts, its policy decides, once at each look.

A gateway cannot make an agent wait, start or vote, so of a policy's decisions it can carry out two: go on with another
model, or stop. A group of runs shares one watch where the virtual model plans several attempts. Knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from parcae.core.protocols import Decision, Forecast, Policy, Standing, Watch
from parcae.gateway.steps import Told, step_of, turn_of
from parcae.graphs.turns import TurnWatch


@dataclass(slots=True)
class Looks:
    """The watch of one run or group, and when each run is looked at next."""

    watch: Watch
    policy: Policy
    ladder: tuple[str, ...]
    planned: int = 1
    steps: list[int] = field(default_factory=list)
    rungs: list[int] = field(default_factory=list)
    pauses: list[int | None] = field(default_factory=list)
    forecast: Forecast | None = None
    _turns: TurnWatch | None = None  # the watch, if it needs no whole steps

    def __post_init__(self) -> None:
        self._turns = self.watch if isinstance(self.watch, TurnWatch) else None

    def join(self, rung: int, seen: Sequence[Told] = ()) -> int:
        """One more run, which was looked at after the steps in `seen` before; its number."""
        attempt = len(self.steps)
        self.steps.append(len(seen))
        self.rungs.append(rung)
        for told in seen:
            self._show(attempt, told)
        standing = self._standing(Forecast(p_fail=0.0, trust=0.0), None, only=attempt)
        self.pauses.append(self.policy.pauses(standing)[0])
        return attempt

    def add(self, attempt: int, told: Told) -> None:
        """One more complete step of run number `attempt`."""
        self.steps[attempt] += 1
        self._show(attempt, told)

    def due(self, attempt: int) -> bool:
        """Whether the policy looks at this run now."""
        pause = self.pauses[attempt]
        return pause is not None and self.steps[attempt] >= pause

    def look(self, attempt: int, spent_usd: float | None) -> Decision:
        """Forecast and decide; the next look is set."""
        self.forecast = self.watch.forecast()
        decision = self.policy.decide(self._standing(self.forecast, spent_usd, only=attempt))
        if decision.action in ("swap", "start"):
            rung = min(decision.rung, len(self.ladder) - 1)
            decision = Decision(action="swap", rung=rung, why=decision.why)
            self.rungs[attempt] = rung
        pause = self.policy.pauses(self._standing(self.forecast, spent_usd, only=attempt))[0]
        self.pauses[attempt] = pause if pause is not None and pause > self.steps[attempt] else None
        return decision

    def _show(self, attempt: int, told: Told) -> None:
        if self._turns is not None:
            self._turns.take_turn(attempt, turn_of(told), told.model)
        else:
            self.watch.add(attempt, step_of(told))

    def _standing(self, forecast: Forecast, spent_usd: float | None, *, only: int) -> Standing:
        return Standing(
            steps=(self.steps[only],),
            ended=(False,),
            rungs=(self.rungs[only],),
            votes=((),),
            forecast=forecast,
            spent_usd=spent_usd,
            ladder=self.ladder,
            planned=self.planned,
        )
