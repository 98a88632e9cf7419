"""Beliefs where there is nothing to tell names apart by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.hotswap.recordings import decks

from parcae.hotswap.ladders import Opening, States, states_of
from parcae.hotswap.selection import belief_of


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[States]:
    return [states_of(deck, Opening(), "weak", 2) for deck in decks(tmp_path_factory.mktemp("made"), tasks=30)]


@pytest.mark.parametrize(("right", "low", "high"), [(0.0, 0.0, 0.1), (1.0, 0.9, 1.0)])
def test_names_that_are_all_wrong_or_all_right_are_believed_alike(
    right: float, low: float, high: float, states: list[States]
) -> None:
    belief = belief_of(("weak",), [replace(one, right=np.full_like(one.right, right)) for one in states])
    probabilities = belief.of(states[0].seen)
    named = states[0].seen.share.sum(axis=-2) > 0
    assert len(set(probabilities[named].tolist())) == 1
    assert low < probabilities[named][0] < high


def test_a_model_that_never_answers_has_a_belief(states: list[States]) -> None:
    silent = [
        replace(one, seen=replace(one.seen, share=0 * one.seen.share, first=0 * one.seen.first)) for one in states
    ]
    assert not belief_of(("weak",), silent).of(silent[0].seen).any()
