"""The curves that stand beside ours: what a user would pick instead, each point one policy that live groups can run.

Every policy is walked over the same draws of the same recordings. Knows nothing of bootstraps or of how ours is chosen.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from parcae.core.plan import Plan, StagePlan
from parcae.core.plan_rungs import RungPlan
from parcae.core.protocols import Forecast, Policy
from parcae.core.task import Answer
from parcae.hotswap.climb import Climb
from parcae.hotswap.policies import Adaptive, Consistency, Never, Parallel, Sequential, Windows
from parcae.hotswap.recorded import Deck, RecordedAttempt
from parcae.hotswap.replay import CONTINUATION, NotRecorded, NoWatch, ReplayWatch, walk
from parcae.prediction.belief import Floats
from parcae.sampling.vote import confidence

WatchOf = Callable[[Deck], ReplayWatch]
# leads of the adaptive rule, each with the most attempts that are tried
LEADS = ((0.3, (1, 2, 3, 5, 7, 10)), (0.5, (3, 5, 7, 10)), (0.6, (3, 5, 7, 10)), (1.0, (5, 7, 10)), (1.5, (10,)))
# attempts of the source, the confidence of their vote that is enough, attempts of the target
CASCADES = ((3, 0.6, 3), (3, 0.9, 3), (3, 0.9, 5), (5, 0.6, 5), (5, 0.8, 5), (5, 0.8, 10), (5, 0.95, 10))
TIE_BREAK = 0.01  # what a source's vote counts after an escalation: it only breaks ties


def no_watch(deck: Deck) -> ReplayWatch:
    """Nothing is forecast."""
    return NoWatch()


def always(p_fail: float) -> WatchOf:
    """Every vote is forecast to fail with `p_fail`."""
    return lambda deck: NoWatch(said=Forecast(p_fail=p_fail))


def by_lot(share: float) -> WatchOf:
    """A `share` of the tasks, by lot, is forecast to fail."""
    return lambda deck: NoWatch(
        said=Forecast(p_fail=float(zlib.crc32(f"lot/{deck.task.id}".encode()) % 1000 < 1000 * share))
    )


@dataclass(slots=True)
class VoteWatch:
    """The rule that needs no training: the vote fails as surely as its confidence is low."""

    answers: list[tuple[str, ...]] = field(default_factory=list)

    def see(self, attempt: int, recorded: RecordedAttempt, step: int) -> None:
        """Keep the answers."""
        if step == len(recorded.steps) - 1:
            self.answers.append(recorded.answer)

    def forecast(self) -> Forecast:
        """1 - confidence."""
        return Forecast(p_fail=1 - confidence(self.answers), trust=1.0 if self.answers else 0.0)


def vote_watch(deck: Deck) -> ReplayWatch:
    """A VoteWatch."""
    return VoteWatch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One point of a curve: a policy with its ladder, its planned attempts and what forecasts for it.

    `swap_attempts`: how many go on after a swap; None: all. `stage`: the stage of the user's own plan that it is.
    `most_usd`: the US dollars at which a live group would be stopped; None: no limit.
    `short`: the policy's name in a plan; "" where a plan alone would not do the same, since a forecast is needed.
    """

    curve: str
    name: str
    policy: Policy
    ladder: tuple[str, ...]
    attempts: int
    watch: WatchOf = no_watch
    short: str = ""
    swap_attempts: int | None = None
    stage: StagePlan | None = None
    most_usd: float | None = None

    @property
    def plan(self) -> Plan | None:
        """The same for live groups."""
        if self.stage is not None:
            return Plan(default=self.stage)
        if not self.short:
            return None
        return Plan(default=StagePlan(ladder=self.ladder, attempts=self.attempts, policy=self.short))


def success_of(answer: Answer, gold: frozenset[str]) -> float:
    """Success by the vote, in [0, 1]: the share of the names with the best score that is a culprit."""
    best = answer.confidence
    top = [candidate.name for candidate in answer.candidates if candidate.score > best - 1e-9]
    return sum(name in gold for name in top) / len(top) if top else 0.0


def played(contender: Contender, shuffled: Sequence[Sequence[Deck]]) -> tuple[Floats, Floats]:
    """(success, US dollars) of each task, means over the draws; `shuffled` has one list of draws a task.

    Raises:
        NotRecorded: the policy does what no recording shows.
    """
    success, cost = np.zeros(len(shuffled)), np.zeros(len(shuffled))
    for i, draws in enumerate(shuffled):
        for deck in draws:
            right, usd = came_of(contender, deck)
            success[i] += right / len(draws)
            cost[i] += usd / len(draws)
    return success, cost


def came_of(contender: Contender, deck: Deck) -> tuple[float, float]:
    """(success, US dollars) of one task, drawn in the order of `deck`.

    Raises:
        NotRecorded: the policy does what no recording shows.
    """
    came = walk(
        contender.policy,
        deck,
        ladder=contender.ladder,
        attempts=contender.attempts,
        watch=contender.watch(deck),
        swap_attempts=contender.swap_attempts,
    )
    if contender.most_usd is not None and came.cost_usd > contender.most_usd:
        raise NotRecorded(
            f"{deck.task.id}: the plan's limit of ${contender.most_usd:g} would end it at ${came.cost_usd:.4f}",
            "raise the limit, or leave it out",
        )
    return success_of(came.answer, deck.task.gold), came.cost_usd


def contenders(
    target: str, sources: Sequence[str], most: int, forecasters: Mapping[str, WatchOf]
) -> Iterator[Contender]:
    """Every point of every curve that needs no choosing. `forecasters`: for each source, a learned one."""
    yield from _on_one_model(target, sources, most)
    for source in sources:
        yield _never(source, target, most)
        yield from _cascades(source, target, most)
        yield from _sequential(source, target, most, forecasters[source])


def _on_one_model(target: str, sources: Sequence[str], most: int) -> Iterator[Contender]:
    one = (target,)
    for model in (target, *sources):
        for count in sorted({n for n in (1, 2, 3, 4, 5, 7, most) if n <= most}):
            curve = "fixed" if model == target else f"fixed {model}"
            name = f"{count} attempts of {model}"
            yield Contender(curve=curve, name=name, policy=Never(), ladder=(model,), attempts=count, short="none")
    for lead, counts in LEADS:
        for count in sorted({min(n, most) for n in counts}):
            name = f"adaptive@{lead:g} on {target}, at most {count}"
            short = f"adaptive@{lead:g}"
            yield Contender(
                curve="adaptive", name=name, policy=Adaptive(lead=lead), ladder=one, attempts=count, short=short
            )
    for sure in (0.7, 0.8, 0.9, 0.95):
        name = f"consistency@{sure:g} on {target}, at most {most}"
        yield Contender(
            curve="adaptive_consistency",
            name=name,
            policy=Consistency(confidence=sure),
            ladder=one,
            attempts=most,
            short=f"consistency@{sure:g}",
        )
    for window in (2, 3, 4, 5):
        if window <= most:
            name = f"esc@{window} on {target}, at most {most}"
            policy = Windows(window=window)
            yield Contender(curve="esc", name=name, policy=policy, ladder=one, attempts=most, short=f"esc@{window}")


def _cascades(source: str, target: str, most: int) -> Iterator[Contender]:
    drawn = dict.fromkeys((min(first, most), sure, min(count, most)) for first, sure, count in CASCADES)
    for first, sure, count in drawn:
        rungs = (
            RungPlan(attempts=first, batch=first, weight=TIE_BREAK, sure=sure),
            RungPlan(attempts=count, enough=0.5),
        )
        accepted = f"{first} {source}, answered if their vote is {sure:g} or more"
        name = f"{accepted}, else adaptive@0.5 on {target}, at most {count}"
        yield Contender(
            curve="cascade",
            name=name,
            policy=Climb(rungs=rungs),
            ladder=(source, target),
            attempts=first,
            watch=vote_watch,
        )


def _never(source: str, target: str, most: int) -> Contender:
    """The hotswap whose forecaster trusts every vote: whenever it looks, all attempts are the source's."""
    return Contender(
        curve="never_swap",
        name=f"never swap: all {most} of {source}",
        policy=Sequential(k=1),
        ladder=(source, target),
        attempts=most,
        watch=always(0.0),
    )


def _sequential(source: str, target: str, most: int, learned: WatchOf) -> Iterator[Contender]:
    ladder = (source, target)
    for k in (1, 3, 5, 7):
        if k >= most:
            continue
        policy = Sequential(k=k)
        for name, watch in (("vote", vote_watch), ("learned", learned)):
            said = f"sequential@{k} of {most}, {source} to {target}, forecast by {name}"
            yield Contender(
                curve="paper_sequential", name=said, policy=policy, ladder=ladder, attempts=most, watch=watch
            )
        for curve, watch in (("always_swap", always(1.0)), ("random_swap", by_lot(0.5))):
            said = f"{curve.replace('_', ' ')} after {k} of {most}, {source} to {target}"
            yield Contender(curve=curve, name=said, policy=policy, ladder=ladder, attempts=most, watch=watch)


def parallel_refusal(source: str, target: str, deck: Deck) -> str:
    """Why the paper's parallel hotswap cannot be replayed: found by trying."""
    try:
        walk(Parallel(k=1), deck, ladder=(source, target), attempts=2, watch=NoWatch(said=Forecast(p_fail=1.0)))
    except NotRecorded as refused:
        return f"{refused.what}; {refused.cure}"
    return CONTINUATION
