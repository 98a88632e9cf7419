"""Hindsight bounds what ours may do, task by task and at every price."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hotswap.recordings import decks

from parcae.hotswap.frontier import openings_of
from parcae.hotswap.hindsight import PRICES_OF_A_SOLVED_TASK, hindsight
from parcae.hotswap.ladders import states_of
from parcae.hotswap.recorded import Deck
from parcae.hotswap.selection import Table, fit_folds, held_out
from parcae.prediction.prefixes import fold_of

DRAWS, SOURCES = 2, ("weak",)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Deck]:
    return decks(tmp_path_factory.mktemp("made"))


def test_at_every_price_hindsight_is_worth_at_least_as_much_as_ours_on_every_task(made: list[Deck]) -> None:
    states = {
        opening: [states_of(deck, opening, "strong", DRAWS) for deck in made]
        for opening in openings_of(made, "strong", SOURCES)
    }
    assert any(opening.patience for opening in states) and any(opening.first for opening in states)
    table = Table(target="strong", states=states, folds=np.array([fold_of(deck.task.id, 3) for deck in made]))
    typical_usd = float(np.mean([sum(one.cost_usd for one in deck.attempts["strong"]) for deck in made]))
    fitted = fit_folds(table, [share * typical_usd for share in (0.15, 0.2, 0.3, 0.5)])
    best = hindsight(made, table, fitted, SOURCES, draws=DRAWS, seed=0, typical_usd=typical_usd)
    for price, success, cost in zip(PRICES_OF_A_SOLVED_TASK, best.success, best.cost, strict=True):
        worth = success - price * cost / typical_usd
        for ours in held_out(table, fitted):
            assert (worth >= ours.success - price * ours.cost_usd / typical_usd - 1e-9).all()
