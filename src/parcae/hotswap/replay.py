"""Walk a policy over recorded attempts, exactly: the group of `sampling.group`, with drawing in place of running.

Exact are fresh attempts on any rung, stopping after any step, and votes over whatever was drawn. What nobody recorded
is refused with the reason: an attempt that goes on with another model, or more attempts than there are.
Knows nothing of frontiers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Decision, Forecast, Policy, Ranking, Standing, Watch
from parcae.core.task import Answer
from parcae.graphs.turns import TurnWatch
from parcae.hotswap.recorded import Deck, RecordedAttempt
from parcae.sampling.vote import vote

MOST_DECISIONS = 10_000


class NotRecorded(CallerMistake):
    """What the policy wants to do was not recorded, so its outcome is unknown."""


class ReplayWatch(Protocol):
    """What forecasts during a replay. It is told of every step before the next one is drawn, and of no other."""

    def see(self, attempt: int, recorded: RecordedAttempt, step: int) -> None:
        """Take in step number `step` of `recorded`, drawn as attempt number `attempt`."""
        ...

    def forecast(self) -> Forecast:
        """How likely the vote is to be wrong."""
        ...


@dataclass(slots=True)
class NoWatch:
    """Forecasts nothing, and says so."""

    said: Forecast = field(default_factory=lambda: Forecast(p_fail=0.5, trust=0.0))

    def see(self, attempt: int, recorded: RecordedAttempt, step: int) -> None:
        """Nothing is kept."""

    def forecast(self) -> Forecast:
        """Always the same."""
        return self.said


@dataclass(slots=True)
class StepWatch:
    """A live `Watch` during a replay: it gets the recorded turns if they are enough for it.

    Else it gets Steps that hold model, cost and ending, and no texts.
    """

    watch: Watch
    turns: TurnWatch | None = field(init=False)

    def __post_init__(self) -> None:
        """Ask once what the watch takes."""
        self.turns = self.watch if isinstance(self.watch, TurnWatch) else None

    def see(self, attempt: int, recorded: RecordedAttempt, step: int) -> None:
        """Pass the step on."""
        if self.turns is not None:
            self.turns.take_turn(attempt, recorded.run.turns[step], recorded.steps[step].model)
        else:
            self.watch.add(attempt, recorded.steps[step])

    def forecast(self) -> Forecast:
        """What the watch says."""
        return self.watch.forecast()


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What came of one task: the answer, what it cost, how many attempts were drawn of each model, what was decided."""

    answer: Answer
    cost_usd: float
    drawn: Mapping[str, int]
    decisions: tuple[Decision, ...]


def walk(
    policy: Policy,
    deck: Deck,
    *,
    ladder: Sequence[str],
    attempts: int,
    watch: ReplayWatch | None = None,
    swap_attempts: int | None = None,
) -> Walk:
    """What `policy` does on the attempts of `deck`, drawn in its order: `attempts` planned, on `ladder`, from rung 0.

    `swap_attempts`: how many go on after a swap that does not say it; None: all.

    Raises:
        NotRecorded: it swaps the model of an attempt that has begun, or draws more attempts than were recorded.
    """
    walked = _Walked(deck, tuple(ladder), attempts, watch or NoWatch(), swap_attempts)
    for _ in range(MOST_DECISIONS):
        walked.advance(policy.pauses(walked.standing(Forecast(p_fail=0.5, trust=0.0))))
        standing = walked.standing(walked.watch.forecast())
        decision = policy.decide(standing)
        if decision.action == "carry_on" and all(standing.ended):
            decision = replace(decision, action="finish", why=decision.why or "every attempt has ended")
        walked.apply(decision)
        if decision.action == "finish":
            answer = policy.answer(standing) if _ranks(type(policy)) else vote(standing.votes)  # type: ignore[attr-defined]
            return walked.outcome(answer)
    raise CallerMistake(f"{policy} never finished on {deck.task.id}", "a policy must come to an end")


@cache  # asking a protocol anew took a fifth of each walk
def _ranks(policy: type) -> bool:
    return issubclass(policy, Ranking)


@dataclass(slots=True)
class _Drawn:
    """One attempt of the group: what it was drawn as, once it begins, and how far it got."""

    rung: int = 0
    recorded: RecordedAttempt | None = None
    steps: int = 0
    ended: bool = False
    answer: tuple[str, ...] | None = None
    cost_usd: float = 0.0

    def went(self, recorded: RecordedAttempt, steps: int) -> None:
        """It has made `steps` steps now."""
        self.steps, self.cost_usd = steps, recorded.spent_usd[steps]
        if steps == len(recorded.steps):
            self.ended, self.answer = True, recorded.answer


class _Walked:
    """A group under way on recordings; the counterpart of a live group's bookkeeping."""

    def __init__(
        self, deck: Deck, ladder: tuple[str, ...], planned: int, watch: ReplayWatch, swap_attempts: int | None
    ) -> None:
        self.deck, self.ladder, self.planned, self.watch = deck, ladder, planned, watch
        self.swap_attempts = swap_attempts
        self.attempts = [_Drawn() for _ in range(planned)]
        self.left = {model: list(reversed(deck.attempts.get(model, ()))) for model in ladder}
        self.decisions: list[Decision] = []

    def standing(self, forecast: Forecast) -> Standing:
        attempts = self.attempts
        answers = tuple([one.answer for one in attempts])
        costs = tuple([one.cost_usd for one in attempts])
        return Standing(
            steps=tuple([one.steps for one in attempts]),
            ended=tuple([one.ended for one in attempts]),
            rungs=tuple([one.rung for one in attempts]),
            votes=tuple([answer for answer in answers if answer is not None]),
            forecast=forecast,
            spent_usd=sum(costs),
            ladder=self.ladder,
            planned=self.planned,
            answers=answers,
            costs_usd=costs,
        )

    def advance(self, pauses: Sequence[int | None]) -> None:
        for number, (one, pause) in enumerate(zip(self.attempts, pauses, strict=True)):
            if one.ended or (pause is not None and one.steps >= pause):
                continue
            recorded = one.recorded = one.recorded or self._draw(one.rung)
            until = len(recorded.steps) if pause is None else min(pause, len(recorded.steps))
            for step in range(one.steps, until):
                self.watch.see(number, recorded, step)
            one.went(recorded, until)

    def _draw(self, rung: int) -> RecordedAttempt:
        model = self.ladder[rung]
        if not self.left[model]:
            raise NotRecorded(
                f"{self.deck.task.id}: all {len(self.deck.attempts.get(model, ()))} recorded attempts of {model} are "
                "drawn",
                "plan fewer attempts, or record more",
            )
        return self.left[model].pop()

    def apply(self, decision: Decision) -> None:
        self.decisions.append(decision)
        if decision.action == "fork" and any(self.attempts[number].steps for number in self._meant(decision)):
            raise NotRecorded(FORK, LIVE)
        meant = self._meant(decision)
        while len(self.attempts) <= max(meant, default=-1):
            self.attempts.append(_Drawn())
        for number, one in enumerate(self.attempts):
            if one.ended:
                continue
            if number in meant:
                self._move(one, decision.rung)
            elif decision.action != "carry_on" and not decision.keep_open:
                one.ended = True

    def _move(self, one: _Drawn, rung: int) -> None:
        if one.steps and self.ladder[rung] != self.ladder[one.rung]:
            raise NotRecorded(CONTINUATION, LIVE)
        one.rung = rung

    def _meant(self, decision: Decision) -> tuple[int, ...]:
        """As `sampling.group` does: who goes on (swap) or begins (start) on the decision's rung."""
        most = decision.attempts if decision.attempts is not None else self.swap_attempts
        open_ones = [number for number, one in enumerate(self.attempts) if not one.ended]
        if decision.chosen is not None:
            open_ones = [number for number in decision.chosen if number in open_ones]
        if decision.action in ("swap", "fork"):
            return tuple(open_ones if most is None else open_ones[:most])
        if decision.action == "start":
            fresh = [number for number in open_ones if not self.attempts[number].steps]
            count = len(fresh) if most is None else most
            new = range(len(self.attempts), len(self.attempts) + max(0, count - len(fresh)))
            return (*fresh[:count], *new)
        return ()

    def outcome(self, answer: Answer) -> Walk:
        drawn: dict[str, int] = {}
        for one in self.attempts:
            if one.recorded is not None:
                drawn[one.recorded.model] = drawn.get(one.recorded.model, 0) + 1
        cost_usd = sum(one.cost_usd for one in self.attempts)
        return Walk(answer=answer, cost_usd=cost_usd, drawn=drawn, decisions=tuple(self.decisions))


LIVE = "run it live (parcae bench locate BUGS --plan FILE), or start afresh on the other model"
FORK = (
    "how several futures of one prefix go on was not recorded: every recorded attempt has one future, on the model "
    "that made it"
)
CONTINUATION = (
    "how an attempt goes on after its model is swapped was not recorded: every recorded attempt was made by one model "
    "from its first step to its last"
)
