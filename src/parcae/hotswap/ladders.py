"""Thousands of price-aware policies at once: every ladder `sources first, then the target` over all draws, in numpy.

A policy here is the one that `hotswap.climb` walks (a test holds the two equal); only the arithmetic is laid out for
speed. Everything is computed once for a task and an opening; a policy is then one comparison.
Knows nothing of folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from parcae.core.plan_rungs import PricePlan, RungPlan
from parcae.hotswap.climb import Climb
from parcae.hotswap.recorded import Deck, RecordedAttempt
from parcae.prediction.belief import Belief, Floats, NameFacts, Seen, features_of

BELIEF = 1.0  # attempts that a surely right name counts; more, less, and a choice of it brought nothing
FADES = (0.3, 0.5, 0.8)
LEADS = tuple(float(x) for x in np.arange(-20, 220, 3) / 100)
LONG = (0.75, 0.875)  # an attempt is long if it makes more steps than these shares of all attempts do


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a task is drawn: what comes before the target, and after how many steps its attempts are given up.

    `first`: attempts of cheap models, (model, how many), in this order; none: (). `patience`: steps that an attempt of
    the target may make once another has answered; None: all.
    """

    first: tuple[tuple[str, int], ...] = ()
    patience: int | None = None

    @property
    def least(self) -> int:
        """The fewest attempts of the target: none only if others were made before."""
        return 0 if self.first else 1

    def __str__(self) -> str:
        sources = " + ".join(f"{count} {model}" for model, count in self.first) or "no sources"
        return sources if self.patience is None else f"{sources}, attempts given up after {self.patience} steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """One policy of the space. `lead` is what a next attempt of the typical cost must find missing to be made."""

    opening: Opening
    belief: float
    fades: float
    lead: float
    most: int

    def climb(self, *, gain: float, attempt_usd: float, open_usd: float = 0.0) -> Climb:
        """The policy as live groups run it; `gain` only sets the scale of what a solved task is worth."""
        worth_usd = attempt_usd * float(np.exp(self.lead / self.fades)) / gain
        price = PricePlan(
            solved_usd=worth_usd, gain=gain, fades=self.fades, belief=self.belief, attempt_usd=attempt_usd
        )
        opening = tuple(RungPlan(attempts=count, batch=count, weight=0.0) for _, count in self.opening.first)
        return Climb(rungs=(*opening, RungPlan(attempts=self.most, patience=self.opening.patience)), price=price)

    def __str__(self) -> str:
        return (
            f"price-aware: {self.opening}, then target attempts (at most {self.most}) while exp(-lead/{self.fades:g}) "
            f"is worth more than an attempt costs (lead {self.lead:g} at the typical cost, belief {self.belief:g})"
        )


def space(openings: Sequence[Opening], most: int) -> Iterator[Ladder]:
    """Every policy of the space, with at most `most` attempts of the target."""
    for opening, fades, lead in product(openings, FADES, LEADS):
        yield Ladder(opening=opening, belief=BELIEF, fades=fades, lead=lead, most=most)


def patiences(decks: Sequence[Deck], target: str) -> tuple[int, ...]:
    """Numbers of steps that make an attempt of the target long, from the lengths of all its attempts alone."""
    lengths = [len(one.steps) for deck in decks for one in deck.attempts[target]]
    return tuple(sorted({max(1, round(float(x))) for x in np.quantile(lengths, LONG)}))


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """All states of one task under one opening: D draws, G + 1 numbers of target attempts, K names, M models.

    `seen` has leading axes (D, G + 1). `votes` (D, G + 1, K) are the target's. `cost_usd` (D, G + 1) is spent in all,
    `attempt_usd` what target attempts cost so far on average (nan before the first). `right` (K,): is it a culprit?
    """

    task: str
    seen: Seen
    votes: Floats
    cost_usd: Floats
    attempt_usd: Floats
    right: Floats


def states_of(deck: Deck, opening: Opening, target: str, draws: int, *, seed: int = 0) -> States:
    """The states of `deck` under `opening` in `draws` orders, those of `deck.shuffled(seed + draw)`."""
    models = (*(model for model, _ in opening.first), target)
    names = sorted({name for model in models for one in deck.attempts[model] for name in one.answer}) or [""]
    place = {name: k for k, name in enumerate(names)}
    most = len(deck.attempts[target])
    share, first = (
        np.zeros((draws, most + 1, len(models), len(names))),
        np.zeros((draws, most + 1, len(models), len(names))),
    )
    drawn, cost = np.zeros((draws, most + 1, len(models))), np.zeros((draws, most + 1))
    attempt = np.full((draws, most + 1), np.nan)
    for d in range(draws):
        shuffled = deck.shuffled(seed + d)
        for m, (model, count) in enumerate(opening.first):
            for one in shuffled.attempts[model][:count]:
                _add(share[d, :, m], first[d, :, m], place, one)
                drawn[d, :, m] += 1
                cost[d] += one.cost_usd
        spent, patience = 0.0, None
        for g, one in enumerate(shuffled.attempts[target], start=1):
            given_up = patience is not None and len(one.steps) > patience
            usd = one.cost_after(patience) if given_up else one.cost_usd
            spent += usd
            cost[d, g:] += usd
            attempt[d, g] = spent / g
            if given_up:
                continue
            _add(share[d, g:, -1], first[d, g:, -1], place, one)
            drawn[d, g:, -1] += 1
            patience = opening.patience if one.answer else patience
    facts = facts_of(deck)
    seen = Seen(share=share, first=first, drawn=drawn, cover=facts.cover(names), candidates=facts.candidates)
    right = np.array([float(name in deck.task.gold) for name in names])
    return States(task=deck.task.id, seen=seen, votes=share[:, :, -1], cost_usd=cost, attempt_usd=attempt, right=right)


def facts_of(deck: Deck) -> NameFacts:
    """What is known of the deck's names before any attempt."""
    return NameFacts(covering=deck.task.covering, candidates=len(deck.task.covering))


def _add(share: Floats, first: Floats, place: dict[str, int], one: RecordedAttempt) -> None:
    for order, name in enumerate(one.answer, start=1):
        share[..., place[name]] += 1 / len(one.answer)
        first[..., place[name]] += 1 / order


def rows_of(states: States, *, draws: int, counts: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Rows to fit a belief on: features, whether the name is right, and weights that sum to 1 over the task."""
    seen = states.seen
    some = [g for g in counts if g < seen.drawn.shape[1]]
    part = Seen(
        share=seen.share[:draws, some],
        first=seen.first[:draws, some],
        drawn=seen.drawn[:draws, some],
        cover=seen.cover,
        candidates=seen.candidates,
    )
    named = part.share.sum(axis=-2) > 0
    right = np.broadcast_to(states.right, named.shape)[named]
    return features_of(part)[named], right, np.full(len(right), 1 / max(1, len(right)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Many tasks under one opening and one weight of belief: (N, D, G + 1) each.

    `right`: is the best name a culprit? `lead`: its lead in attempts. `log_cost`: log of what an attempt costs so far
    beside the typical one. `cost_usd`: spent in all.
    """

    right: Floats
    lead: Floats
    log_cost: Floats
    cost_usd: Floats

    def play(self, ladder: Ladder) -> tuple[Floats, Floats]:
        """(success, US dollars) of each task and draw under `ladder`, shape (N, D)."""
        at = np.arange(self.lead.shape[-1])
        with np.errstate(invalid="ignore"):
            stop = self.lead >= ladder.lead - ladder.fades * self.log_cost
        stop = (stop & (at >= ladder.opening.least)) | (at >= ladder.most)
        end = stop.argmax(axis=-1)[..., None]
        return tuple(np.take_along_axis(array, end, axis=-1)[..., 0] for array in (self.right, self.cost_usd))  # type: ignore[return-value]


def board_of(states: Sequence[States], probabilities: Sequence[Floats], belief: float, attempt_usd: float) -> Board:
    """The board of `states` with the names' probabilities; `attempt_usd` is what a target attempt typically costs."""
    right, lead = [], []
    for one, p in zip(states, probabilities, strict=True):
        merit = one.votes + belief * p
        best = merit.argmax(axis=-1)
        some = merit.max(axis=-1) > 0
        right.append(np.where(some, one.right[best], 0.0))
        two = np.sort(merit, axis=-1)[..., -2:]
        lead.append(two[..., -1] - (two[..., 0] if merit.shape[-1] > 1 else 0.0))
    with np.errstate(divide="ignore"):
        log_cost = np.log(np.stack([one.attempt_usd for one in states]) / attempt_usd)
    return Board(
        right=np.stack(right),
        lead=np.stack(lead),
        log_cost=np.nan_to_num(log_cost, nan=0.0, neginf=-np.inf),
        cost_usd=np.stack([one.cost_usd for one in states]),
    )


def gain_at_tie(board: Board, fades: float) -> float:
    """What one more attempt adds at a tie, if gains fall as exp(-lead / fades): a ratio of sums over all states."""
    ahead = 2
    gained = (board.right[..., 1 + ahead :] - board.right[..., 1:-ahead]) / ahead
    shape = np.exp(-board.lead[..., 1:-ahead] / fades)
    return float(max(1e-3, min(1.0, gained.sum() / shape.sum()))) if gained.size else 0.3


def believed(belief: Belief, states: Sequence[States]) -> list[Floats]:
    """The names' probabilities in every state."""
    return [belief.of(one.seen) for one in states]
