"""What a belief learns, that it equals itself live and in bulk, and that damaged files are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.hotswap.recordings import decks

from parcae.core.errors import CallerMistake
from parcae.core.task import Task
from parcae.core.trajectory import Ending, Step
from parcae.hotswap.ladders import Opening, states_of
from parcae.hotswap.selection import belief_of
from parcae.prediction.belief import BeliefForecaster, NameFacts, fit_belief, load_belief, save_belief

TASK = Task(id="t", kind="recorded", question="?")


def test_a_name_that_more_attempts_give_first_is_believed_more(tmp_path: Path) -> None:
    belief = belief_of(("strong",), [states_of(deck, Opening(), "strong", 3) for deck in decks(tmp_path)])
    watch = BeliefForecaster(belief=belief).watch(TASK, 3)
    assert watch.forecast().trust == 0.0
    for attempt, answer in enumerate((("a", "b"), ("a",), ("a", "c"))):
        watch.add(attempt, Step(model="strong", ending=Ending(reason="answered", answer=answer)))
    forecast = watch.forecast()
    assert forecast.candidates[0].name == "a"
    assert forecast.p_fail == pytest.approx(1 - forecast.candidates[0].score)


def test_the_watch_equals_the_states_in_bulk(tmp_path: Path) -> None:
    made = decks(tmp_path)
    states = [states_of(deck, Opening(), "strong", 1) for deck in made]
    belief = belief_of(("strong",), states)
    for deck, one in zip(made[:5], states, strict=False):
        watch = BeliefForecaster(belief=belief).watch(replace(TASK, covering=deck.task.covering), 6)
        for count, attempt in enumerate(deck.shuffled(0).attempts["strong"], start=1):
            watch.add(count, attempt.steps[-1])
            said = sorted(candidate.score for candidate in watch.forecast().candidates)
            bulk = belief.of(one.seen)[0, count]
            assert said == pytest.approx(sorted(bulk[bulk > 0]))


def test_answers_of_a_stranger_are_not_believed() -> None:
    belief = fit_belief(("m",), np.eye(15), np.arange(15) % 2.0, np.ones(15))
    watch = BeliefForecaster(belief=belief, facts=lambda task: NameFacts()).watch(TASK, 1)
    watch.add(0, Step(model="other", ending=Ending(reason="answered", answer=("a",))))
    assert watch.forecast().trust == 0.0
    assert "no belief about answers of other" in watch.forecast().reasons[0]


def test_one_class_cannot_be_learned() -> None:
    with pytest.raises(CallerMistake, match="all names are right, or all wrong"):
        fit_belief(("m",), np.eye(15), np.ones(15), np.ones(15))


def test_a_belief_reads_back_and_a_damaged_or_newer_file_is_refused(tmp_path: Path) -> None:
    belief, file = fit_belief(("m",), np.eye(15), np.arange(15) % 2.0, np.ones(15)), tmp_path / "m.belief.json"
    save_belief(belief, file)
    assert np.array_equal(load_belief(file).weights, belief.weights)
    file.write_text(file.read_text().replace("belief/1", "belief/2"))
    with pytest.raises(CallerMistake, match="belief/2"):
        load_belief(file)
    save_belief(replace(belief, models=("m", "n")), file)
    for damaged in ("{", "[" * 100_000, file.read_text(), '{"schema": "parcae.belief/1"}'):
        file.write_text(damaged)
        with pytest.raises(CallerMistake, match="is no belief"):
            load_belief(file)
    for array in ("means", "scales", "weights"):
        save_belief(replace(belief, **{array: np.full(16, np.nan)}), file)
        with pytest.raises(CallerMistake, match=f"`{array}` is not"):
            load_belief(file)
    with pytest.raises(CallerMistake, match="there is no belief"):
        load_belief(tmp_path / "nowhere.belief.json")
