"""How far does ours move with the orders of drawing? Folds 1-4 alone: by seed, and by the number of orders.

Repeat: python -m experiments.hotswap.orders [ORDERS,SEED ...]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from experiments.prediction.recorded import HELD_OUT, recordings, write

from parcae.hotswap.frontier import Asked, openings_of
from parcae.hotswap.ladders import states_of
from parcae.hotswap.recorded import USUAL_PRICES, Deck, Prices, decks_of
from parcae.hotswap.selection import Table, fit_folds, held_out
from parcae.prediction.prefixes import fold_of
from parcae.prediction.recordings import gold_share

TARGET, SOURCES, MARKS = "gpt-4o", ("llama3", "mistral-nemo"), (0.12, 0.16, 0.20, 0.24, 0.28)
USUAL = ("20,0", "20,1000", "20,2000", "20,3000", "100,0", "100,1000")
ASKED = Asked(target=TARGET, sources=SOURCES, prices=Prices(of=USUAL_PRICES))


def developed() -> list[Deck]:
    """The tasks of folds 1-4 that the frontier has: a known answer, and attempts of every model."""
    found = recordings(*ASKED.models)
    decks = decks_of(found.tasks, [found.of(model, least=ASKED.most) for model in ASKED.models], ASKED.prices)
    return [deck for deck in decks if fold_of(deck.task.id, ASKED.folds) != HELD_OUT]


def kept(decks: Sequence[Deck], orders: int, seed: int) -> list[float]:
    """What ours keeps at MARKS, each fold by what the others gave."""
    states = {
        opening: [states_of(deck, opening, TARGET, orders, seed=seed) for deck in decks]
        for opening in openings_of(decks, TARGET, sources=())
    }
    folds = np.array([fold_of(deck.task.id, ASKED.folds) for deck in decks])
    table = Table(target=TARGET, states=states, folds=folds)
    solved = sum(gold_share(deck.task, [one.answer for one in deck.attempts[TARGET]]) for deck in decks)
    paid = sum(one.cost_usd for deck in decks for one in deck.attempts[TARGET])
    fitted = fit_folds(table, [budget * paid / len(decks) for budget in ASKED.budgets])
    points = sorted((one.cost_usd.sum() / paid, one.success.sum() / solved) for one in held_out(table, fitted))
    return [float(np.interp(mark, *zip(*points, strict=True))) for mark in MARKS]


def main() -> None:
    decks, found = developed(), {}
    for asked in sys.argv[1:] or USUAL:
        orders, seed = map(int, asked.split(","))
        found[asked] = kept(decks, orders, seed)
        print(f"{orders} orders, seed {seed}: {[round(one, 4) for one in found[asked]]}", flush=True)
        write("frontier_orders", found)


if __name__ == "__main__":
    main()
