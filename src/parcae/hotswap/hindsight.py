"""The best choice in hindsight, task by task, over everything that our policies may do with the same draws.

For each task and order of drawing it knows every outcome and takes what is worth most at a price of a solved task: any
opening of ours, stopped after any number of attempts and picked by the belief that ours has there; or any number of
attempts of the target or of one source, picked by their vote. What ours keeps less what it costs at that price is
therefore never more than what this keeps less what this costs. Knows nothing of resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from parcae.hotswap.ladders import BELIEF, Opening, States, believed, board_of, states_of
from parcae.hotswap.readings import Curve
from parcae.hotswap.recorded import Deck
from parcae.hotswap.selection import Fitted, Table
from parcae.prediction.belief import Floats

PRICES_OF_A_SOLVED_TASK = tuple(float(x) for x in np.geomspace(0.02, 50, 24))  # in target attempts


def hindsight(
    decks: Sequence[Deck],
    table: Table,
    fitted: Mapping[int, Fitted],
    sources: Sequence[str],
    *,
    draws: int,
    seed: int,
    typical_usd: float,
) -> Curve:
    """One point for each of PRICES_OF_A_SOLVED_TASK, the price of all target attempts (`typical_usd`) in solved tasks.

    `fitted`: for each fold what the other folds gave, whose beliefs pick names on it.
    """
    options = _by_vote(decks, table, sources, draws=draws, seed=seed)
    for fold, one in fitted.items():
        places = np.flatnonzero(table.folds == fold).tolist()
        for opening, states in table.states.items():
            own = [states[i] for i in places]
            board = board_of(own, believed(one.beliefs[opening], own), BELIEF, one.attempt_usd)
            for row, i in enumerate(places):
                options[i].append((board.right[row, :, opening.least :], board.cost_usd[row, :, opening.least :]))
    tasks = [tuple(np.concatenate(column, axis=1) for column in zip(*some, strict=True)) for some in options]
    curve = Curve()
    for price in PRICES_OF_A_SOLVED_TASK:
        chosen = [_best(right, cost, price / typical_usd) for right, cost in tasks]
        success, spent = (np.array(column) for column in zip(*chosen, strict=True))
        curve.add(f"best in hindsight when all target attempts cost {price:.3g} solved tasks", success, spent)
    return curve


def _by_vote(
    decks: Sequence[Deck], table: Table, sources: Sequence[str], *, draws: int, seed: int
) -> list[list[tuple[Floats, Floats]]]:
    """For each task (success, US dollars), (D, n) each, of 1, 2, ... attempts of each model under a plain vote."""
    options = []
    for i, deck in enumerate(decks):
        alone = [table.states[Opening()][i]]
        alone += [states_of(deck, Opening(), source, draws, seed=seed) for source in sources]
        options.append([(_votes_right(one)[:, 1:], one.cost_usd[:, 1:]) for one in alone])
    return options


def _best(right: Floats, cost_usd: Floats, solved_per_usd: float) -> tuple[float, float]:
    """Means over the draws of (success, US dollars) of the option that is worth most in each."""
    best = (right - solved_per_usd * cost_usd).argmax(axis=1)[:, None]
    success, spent = (np.take_along_axis(array, best, axis=1).mean() for array in (right, cost_usd))
    return float(success), float(spent)


def _votes_right(states: States) -> Floats:
    """Success by the vote in every state: the share of the top-voted names that is a culprit."""
    top = states.votes.max(axis=-1, keepdims=True)
    first = (states.votes > top - 1e-9) & (top > 0)
    return np.asarray((first * states.right).sum(axis=-1) / np.maximum(first.sum(axis=-1), 1))
