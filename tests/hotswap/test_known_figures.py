"""The recorded AutoFL runs give the known figures of fewer samples and adaptive stopping, within noise."""

from __future__ import annotations

from pathlib import Path

import pytest

from parcae.hotswap.curves import Contender, played
from parcae.hotswap.policies import Adaptive, Never
from parcae.hotswap.recorded import USUAL_PRICES, Deck, Prices, decks_of
from parcae.prediction.recordings import gold_share, read_recordings

TARGET = "gpt-4o"


@pytest.fixture(scope="module")
def decks(shared_data: Path) -> list[Deck]:
    found = read_recordings(shared_data / "autofl_d4j.jsonl.gz", models=[TARGET])
    return decks_of(found.tasks, [found.of(TARGET, least=10)], Prices(of=USUAL_PRICES))


def test_all_ten_attempts_solve_what_is_known(decks: list[Deck]) -> None:
    assert len(decks) == 213
    solved = sum(gold_share(deck.task, [one.answer for one in deck.attempts[TARGET]]) for deck in decks)
    assert solved == pytest.approx(164.5)


@pytest.mark.parametrize(
    ("policy", "attempts", "performance", "cost"),
    [
        (Never(), 1, 0.815, 0.10),
        (Never(), 3, 0.953, 0.30),
        (Adaptive(lead=0.5), 3, 0.951, 0.190),
        (Adaptive(lead=0.3), 10, 0.987, 0.234),
        (Adaptive(lead=0.6), 10, 1.005, 0.329),
    ],
    ids=str,
)
def test_a_known_policy_keeps_and_costs_what_is_known(
    policy: Adaptive | Never, attempts: int, performance: float, cost: float, decks: list[Deck]
) -> None:
    contender = Contender(curve="", name="", policy=policy, ladder=(TARGET,), attempts=attempts)
    success, usd = played(contender, [[deck.shuffled(draw) for draw in range(3)] for deck in decks])
    whole = sum(one.cost_usd for deck in decks for one in deck.attempts[TARGET])
    assert success.sum() / 164.5 == pytest.approx(performance, abs=0.02)
    assert usd.sum() / whole == pytest.approx(cost, abs=0.012)
