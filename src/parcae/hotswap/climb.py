"""The policy "climb": a Plan's rungs, one after the other, each for as long as more attempts on it pay.

When it looks, it asks in this order: is the answer good enough; is the task hopeless; would one more attempt here pay;
would the next rung? Sources: cascades by consistency and adaptive consistency (PAPERS section 1); the price-aware
rule and its lead are ours. Knows nothing of how beliefs are learned: they come with the forecast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parcae.core.plan_rungs import FORKS, PricePlan, RungPlan
from parcae.core.protocols import Decision, Forecast, Standing
from parcae.core.task import Answer, Candidate

ROUNDING = 1e-9


def weighted_votes(standing: Standing, weights: Sequence[float]) -> dict[str, float]:
    """The sum over attempts of weight/|answer| for each name; an attempt of rung r weighs `weights[r]`."""
    votes: dict[str, float] = {}
    for answer, rung in zip(standing.answers, standing.rungs, strict=True):
        distinct = tuple(dict.fromkeys(answer or ()))
        for name in distinct:
            votes[name] = votes.get(name, 0.0) + weights[rung] / len(distinct)
    return votes


def merits_of(votes: Mapping[str, float], beliefs: Sequence[Candidate], belief: float) -> list[tuple[str, float]]:
    """Every name with its votes plus `belief` times the probability that it is right, best first."""
    merits = dict(votes)
    for candidate in beliefs:
        merits[candidate.name] = merits.get(candidate.name, 0.0) + belief * candidate.score
    return sorted(merits.items(), key=lambda pair: -round(pair[1], 9))


def lead_of(merits: Sequence[tuple[str, float]]) -> float:
    """By how many attempts the first of `merits` leads the second."""
    if not merits:
        return 0.0
    return merits[0][1] - (merits[1][1] if len(merits) > 1 else 0.0)


def expected_gain(price: PricePlan, lead: float) -> float:
    """How many solved tasks one more attempt is expected to add: gain * exp(-lead / fades)."""
    return price.gain * math.exp(-lead / price.fades)


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """Fresh attempts on each rung of the ladder while they pay; then the next rung, or the answer."""

    rungs: tuple[RungPlan, ...]
    price: PricePlan | None = None

    # ---- when to look

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """Attempts that run stop at the next look of their rung, overdue ones wait; of the others `batch` may start."""
        rung = self.rungs[_rung(standing)]
        free = rung.batch if not _running(standing) else 0
        patience, overdue = self._patience(standing), self._overdue(standing)
        looks = sorted({*rung.look, *(() if patience is None else (patience,))})
        pauses: list[int | None] = []
        for number, (steps, ended) in enumerate(zip(standing.steps, standing.ended, strict=True)):
            fresh = not steps and not ended
            waits = (fresh and not free) or number in overdue
            pauses.append(steps if waits else next((look for look in looks if look > steps), None))
            free -= fresh and free > 0
        return tuple(pauses)

    # ---- what to do

    def decide(self, standing: Standing) -> Decision:
        """The first of: answer, give up, take over what runs, one more attempt here, the next rung, answer."""
        at = _rung(standing)
        rung, merits = self.rungs[at], self._merits(standing)
        overdue = self._overdue(standing)
        if _running(standing) and len(overdue) < _running(standing):
            return self._look(standing, at)
        done = self._done(standing, rung, merits)
        if done:
            return Decision(action="finish", why=done)
        fresh = sum(not steps and not ended for steps, ended in zip(standing.steps, standing.ended, strict=True))
        if fresh:
            more = self._one_more(standing, at, merits) or Decision(action="carry_on", why="the vote is still open")
            return _giving_up(more, overdue, standing, at, fresh)
        if at + 1 >= len(self.rungs) or rung.after == "answer":
            return Decision(action="finish", why="every attempt of the plan was made")
        return self._one_more(standing, at + 1, merits) or self._climb(at + 1, "the vote is still open")

    def answer(self, standing: Standing) -> Answer:
        """The names by their merits, scaled so that all votes for one name give it 1."""
        merits = self._merits(standing)
        whole = sum(
            self.rungs[rung].weight
            for rung, answer in zip(standing.rungs, standing.answers, strict=True)
            if answer is not None
        ) + (self.price.belief if self.price is not None else 0.0)
        attempts = sum(answer is not None for answer in standing.answers)
        scored = tuple(Candidate(name=name, score=min(1.0, merit / whole)) for name, merit in merits if whole)
        return Answer(candidates=scored, attempts=attempts)

    # ---- patience

    def _patience(self, standing: Standing) -> int | None:
        """How many steps an attempt on the highest rung may make; None: as many as it likes."""
        at = _rung(standing)
        answered = any(answer and rung == at for answer, rung in zip(standing.answers, standing.rungs, strict=True))
        return self.rungs[at].patience if answered else None

    def _overdue(self, standing: Standing) -> frozenset[int]:
        """The attempts that run and have used up the patience with them."""
        patience = self._patience(standing)
        if patience is None:
            return frozenset()
        steps_and_ends = enumerate(zip(standing.steps, standing.ended, strict=True))
        return frozenset(number for number, (steps, ended) in steps_and_ends if steps >= patience and not ended)

    # ---- the reasons

    def _merits(self, standing: Standing) -> list[tuple[str, float]]:
        votes = weighted_votes(standing, [rung.weight for rung in self.rungs])
        belief = self.price.belief if self.price is not None else 0.0
        return merits_of(votes, standing.forecast.candidates if belief else (), belief)

    def _done(self, standing: Standing, rung: RungPlan, merits: Sequence[tuple[str, float]]) -> str | None:
        """Why the task is over: the answer is good enough, or there will be none."""
        return self._enough(standing, rung, merits) or self._hopeless(standing, rung)

    def _enough(self, standing: Standing, rung: RungPlan, merits: Sequence[tuple[str, float]]) -> str | None:
        if rung.enough is not None and merits and lead_of(merits) + ROUNDING >= rung.enough:
            return f"the first name leads by {lead_of(merits):.2f} attempts, {rung.enough:g} are enough"
        right = 1 - standing.forecast.p_fail
        if rung.sure is not None and standing.forecast.trusted and any(standing.votes) and right >= rung.sure:
            return f"the answer is right with {right:.0%}, {rung.sure:.0%} are enough"
        return None

    def _hopeless(self, standing: Standing, rung: RungPlan) -> str | None:
        right = 1 - standing.forecast.p_fail
        if rung.hopeless is None or not standing.forecast.trusted or right >= rung.hopeless:
            return None
        return f"stopped early: an answer would be right with {right:.0%}, less than {rung.hopeless:.0%}"

    def _look(self, standing: Standing, at: int) -> Decision:
        """Attempts are under way: answer, give up, let the next rung take over, or let them run."""
        rung, forecast = self.rungs[at], standing.forecast
        done = self._done(standing, rung, self._merits(standing))
        if done:
            return Decision(action="finish", why=done)
        if not forecast.trusted:
            return Decision(action="carry_on", why=f"the forecast is not trusted: {'; '.join(forecast.reasons)}")
        if at + 1 == len(self.rungs):
            return Decision(action="carry_on", why=_likely(forecast, "nothing takes over from here"))
        helps, why = _helps(forecast, rung)
        pays, because = self._pays(standing, at) if helps else (False, "")
        if not pays:
            return Decision(action="carry_on", why=f"{why}{because}")
        if rung.then == "start":
            return self._climb(at + 1, f"{why}{because}")
        return _taken_over(standing, rung, at + 1, f"{why}{because}")

    def _pays(self, standing: Standing, at: int) -> tuple[bool, str]:
        """The price-aware rule on a takeover by the next rung; without prices it pays."""
        rung, forecast = self.rungs[at], standing.forecast
        usd = self._attempt_usd(standing, at + 1) if rung.look else None
        if self.price is None or usd is None:
            return True, ""
        gain = self.price.gain * forecast.p_fail if forecast.gain is None else forecast.gain
        fresh = rung.then == "start"  # the next rung asks again before each further batch
        attempts = _next_batch(standing, self.rungs[at + 1], at + 1) if fresh else _going_on(standing, rung)
        cost_usd, worth_usd = attempts * usd, gain * self.price.solved_usd
        pays = worth_usd > cost_usd
        return pays, (
            f"; {attempts} on {standing.ladder[at + 1]} cost about ${cost_usd:.4f} and are expected to turn "
            f"{100 * gain:.1f} of 100 such votes right; at ${self.price.solved_usd:g} a solved task that is worth "
            f"${worth_usd:.4f}: {'more, so they take over' if pays else 'not more, so they do not'}"
        )

    def _climb(self, rung: int, why: str) -> Decision:
        return Decision(action="start", rung=rung, attempts=self.rungs[rung].attempts, why=why)

    def _one_more(self, standing: Standing, rung: int, merits: Sequence[tuple[str, float]]) -> Decision | None:
        """The price-aware rule on one more attempt at `rung`, or what it starts at once; None: it cannot be asked."""
        usd = self._attempt_usd(standing, rung)
        if self.price is None or usd is None:
            return None
        more = _next_batch(standing, self.rungs[rung], rung)
        lead = lead_of(merits) if merits else 0.0
        gain, cost_usd = 1 - (1 - min(1.0, expected_gain(self.price, lead))) ** more, more * usd
        worth_usd = gain * self.price.solved_usd
        pays = worth_usd > cost_usd
        named = "one more attempt" if more == 1 else f"{more} more attempts"
        why = (
            f"{named} on {standing.ladder[rung]} at about ${cost_usd:.4f} would turn the answer right in "
            f"{100 * gain:.1f} of 100 cases (the first name leads by {lead:.2f}); at ${self.price.solved_usd:g} a "
            f"solved task that is worth ${worth_usd:.4f}: "
            f"{'more, so it goes on' if pays else 'not more, so this is the answer'}"
        )
        if not pays:
            return Decision(action="finish", why=why)
        return self._climb(rung, why) if rung > _rung(standing) else Decision(action="carry_on", why=why)

    def _attempt_usd(self, standing: Standing, rung: int) -> float | None:
        """What attempts on `rung` cost so far, on average, those that are overdue too; else the plan's guess."""
        overdue = self._overdue(standing)
        costs = [
            cost
            for number, (cost, at, ended, steps) in enumerate(
                zip(standing.costs_usd, standing.rungs, standing.ended, standing.steps, strict=True)
            )
            if at == rung and (ended or number in overdue) and steps and cost is not None
        ]
        return sum(costs) / len(costs) if costs else self.price.attempt_usd if self.price is not None else None


def _helps(forecast: Forecast, rung: RungPlan) -> tuple[bool, str]:
    """Whether the next rung should take over, prices aside, and why.

    What a swap gains and how likely the vote is lost are two things: the hardest tasks fail with any model.
    """
    gain = forecast.gain
    if gain is None or (rung.swap_gain is None and forecast.p_fail <= rung.swap_above):
        lost = forecast.p_fail > rung.swap_above
        return lost, _likely(forecast, "the vote looks lost" if lost else "looks well enough")
    least = rung.swap_gain or 0.0
    asked = "" if rung.swap_gain is None else f" ({100 * least:g} are asked for)"
    why = f"a swap is expected to turn {max(0.0, 100 * gain):.1f} of 100 such votes right{asked}"
    return gain > least, _likely(forecast, why if gain > least else f"left alone: {why}")


def _likely(forecast: Forecast, verdict: str) -> str:
    return f"{verdict} ({forecast.p_fail:.0%} likely to fail)"


def _next_batch(standing: Standing, rung: RungPlan, at: int) -> int:
    """How many attempts at rung `at` start together next."""
    open_here = sum(
        not steps and not ended
        for steps, ended, on in zip(standing.steps, standing.ended, standing.rungs, strict=True)
        if on == at
    )
    return min(rung.batch, open_here or rung.attempts)


def _going_on(standing: Standing, rung: RungPlan) -> int:
    """How many attempts a takeover would have: open ones that are kept, or their futures."""
    going = min(_running(standing), rung.keep or (1 if rung.then == "fork" else _running(standing)))
    return going * ((rung.forks or FORKS) if rung.then == "fork" else 1)


def _rung(standing: Standing) -> int:
    """The rung that attempts are on: the highest of those that may still run, or did."""
    return max(standing.rungs, default=0)


def _running(standing: Standing) -> int:
    return sum(steps > 0 and not ended for steps, ended in zip(standing.steps, standing.ended, strict=True))


def _taken_over(standing: Standing, rung: RungPlan, to: int, why: str) -> Decision:
    """The open attempts that `rung` chooses go on at rung `to`, each once or as several futures."""
    going = [
        n for n, (steps, done) in enumerate(zip(standing.steps, standing.ended, strict=True)) if steps and not done
    ]
    promise = standing.forecast.promise
    if rung.order == "forecast" and promise:  # a forecaster that says nothing of attempts leaves the other order
        going.sort(key=lambda n: (-round(promise[n], 9), standing.steps[n]))
    else:
        going.sort(key=lambda n: standing.steps[n])
    if rung.then == "resume":
        return Decision(action="swap", rung=to, attempts=rung.keep, chosen=tuple(going), why=why)
    forks = rung.forks or FORKS
    return Decision(
        action="fork", rung=to, attempts=rung.keep or 1, chosen=tuple(going), forks=forks, why=f"{why}; {forks} futures"
    )


def _giving_up(more: Decision, overdue: frozenset[int], standing: Standing, rung: int, fresh: int) -> Decision:
    """`more`, with the `overdue` attempts given up if fresh ones are to follow them."""
    if not overdue or more.action != "carry_on":
        return more
    steps = max(standing.steps[number] for number in overdue)
    why = f"given up after {steps} steps, another attempt has answered; {more.why}"
    return Decision(action="start", rung=rung, attempts=fresh, why=why)
