"""Rivals over parts of the tasks: the same for any number of processes, and none of them left behind."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from multiprocessing import active_children

import numpy as np
import pytest
from tests.hotswap.recordings import decks

from parcae.core.errors import CallerMistake
from parcae.hotswap import rivals
from parcae.hotswap.curves import played
from parcae.hotswap.rivals import Part, beliefs_of, walked
from parcae.prediction.prefixes import fold_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Part:
    made = tuple(decks(tmp_path_factory.mktemp("made")))
    folds = tuple(fold_of(deck.task.id, 3) for deck in made)
    beliefs = beliefs_of(made, ["weak"], folds, seed=0)
    return Part(target="strong", most=5, draws=2, seed=0, decks=made, folds=folds, beliefs=beliefs)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every walk is worth a process."""
    monkeypatch.setattr(rivals, "WALKS_A_PROCESS", 1)


@pytest.mark.usefixtures("eager")
def test_any_number_of_processes_says_what_each_rival_does_alone(whole: Part) -> None:
    here, there = walked(whole), walked(whole, processes=2)
    shuffled = [[deck.shuffled(draw) for draw in range(whole.draws)] for deck in whole.decks]
    for rival in whole.rivals():
        at = here[rival.curve].names.index(rival.name)
        assert there[rival.curve].names[at] == rival.name
        success, cost = played(rival, shuffled)
        for curve in (here[rival.curve], there[rival.curve]):
            np.testing.assert_allclose(curve.success[at], success, atol=1e-12)
            np.testing.assert_allclose(curve.cost[at], cost, atol=1e-12)
    assert not active_children()


@pytest.mark.usefixtures("eager")
def test_an_interruption_leaves_no_process_behind(whole: Part) -> None:
    def interrupted(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walked(replace(whole, draws=20), processes=2, say=interrupted)
    assert not active_children()


@pytest.mark.usefixtures("eager")
def test_a_process_that_is_killed_is_one_sentence(whole: Part) -> None:
    def killed(line: str) -> None:
        for child in active_children():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(CallerMistake, match="ended early"):
        walked(replace(whole, draws=20), processes=2, say=killed)
    assert not active_children()
