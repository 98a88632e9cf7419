"""A forecaster's file that is damaged or strange: that is said when it is read, never in a run that has paid."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.prediction.made import constant, made_groups

from parcae.core.errors import CallerMistake
from parcae.prediction.card import EarlierFormat
from parcae.prediction.fitted import load, refuse_to_replace, save
from parcae.prediction.gcn import Gcn
from parcae.prediction.prefixes import Look
from parcae.prediction.rule import RuleForecaster
from parcae.prediction.shelf import forecaster_fitting, forecaster_named, in_use, shelf_file
from parcae.prediction.train import train

Held = dict[str, NDArray[Any]]
PREFIX = made_groups(1, seed=9)[0].prefix(Look(at=3))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("forecasters") / "sound.npz"
    save(train(made_groups(40), kind="logistic", looks=[Look(at=2), Look()]).fitted, file)
    return file


@pytest.fixture(scope="module")
def wood(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("forecasters") / "wood.npz"
    save(train(made_groups(40), kind="forest", looks=[Look()]).fitted, file)
    return file


def changed(file: Path, into: Path, change: Callable[[Held], object]) -> Path:
    """The archive `file` as `change` leaves it."""
    with np.load(file) as stored:
        held = {name: stored[name] for name in stored.files}
    change(held)
    np.savez(into, allow_pickle=True, **held)
    return into


def test_flipped_bytes_lead_to_the_same_forecast_or_to_the_rule(sound: Path, tmp_path: Path) -> None:
    whole, home = sound.read_bytes(), tmp_path / "home"
    shelf = shelf_file(home, "locate")
    shelf.parent.mkdir(parents=True)
    usual, refused = load(sound).of(PREFIX), 0
    for place in range(0, len(whole), 5):
        for flip in (0x01, 0x80, 0xFF):
            shelf.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            found, said = forecaster_named(None, home=home, agent="locate")
            refused += isinstance(found, RuleForecaster)
            if isinstance(found, RuleForecaster):
                assert "the rule forecasts" in said and "pickle" not in said
                assert isinstance(forecaster_fitting(None, home=home, tools=["look"])[0], RuleForecaster)
            else:
                assert load(shelf).of(PREFIX) == usual
    assert refused > 1000


def card(**other: Any) -> Callable[[Held], object]:
    def change(held: Held) -> None:
        body = json.loads(str(held["card"])) | other
        held["card"] = np.array(json.dumps({name: value for name, value in body.items() if value is not ...}))

    return change


def array(name: str, change: Callable[[NDArray[Any]], object]) -> Callable[[Held], object]:
    return lambda held: held.update({name: np.asarray(change(held[name]))})


STRANGE: dict[str, tuple[Callable[[Held], object], str]] = {
    "unknown feature": (
        lambda held: card(features=["mood", *json.loads(str(held["card"]))["features"][1:]])(held),
        "reads 'mood', which this Parcae does not count",
    ),
    "short low": (card(low=[0.0]), "does not say `low`"),
    "high without a number": (lambda held: card(high=[float("nan")])(held), "does not say `high`"),
    "no embedder": (card(embedder=None), "does not say `embedder`"),
    "no tasks": (card(tasks=...), "has no `tasks`"),
    "short reliability": (card(reliability=[[0.0, 1.0]]), "does not say `reliability`"),
    "text for a figure": (card(metrics={"logistic": {"auc": "good"}}), "does not say `metrics`"),
    "a number for a tool": (card(tools=[1]), "does not say `tools`"),
    "no calibration": (
        lambda held: held.update({"calibration/scores": np.zeros(0), "calibration/p_fail": np.zeros(0)}),
        r"calibration has \(0,\) scores",
    ),
    "unequal calibration": (array("calibration/scores", lambda scores: scores[1:]), "calibration has"),
    "a calibration that is no number": (array("calibration/p_fail", lambda p: p * np.nan), "not all finite numbers"),
    "a calibration beyond 1": (array("calibration/p_fail", lambda p: p + 1), "calibration leaves"),
    "a calibration that falls": (array("calibration/scores", lambda scores: scores[::-1]), "does not rise"),
    "few weights": (array("head/weights", lambda weights: weights[:2]), r"weights are of shape \(2,\)"),
    "infinite weights": (array("head/weights", lambda weights: weights + np.inf), "not all finite numbers"),
    "objects for weights": (array("head/weights", lambda weights: weights.astype(object)), "damaged"),
    "texts for weights": (array("head/weights", lambda weights: weights.astype(str)), "not all finite numbers"),
    "no weights": (lambda held: held.pop("head/weights"), "it has no 'weights'"),
    "a deep card": (lambda held: held.update(card=np.array("[" * 100_000)), "is no forecaster"),
    "no card": (lambda held: held.update(card=np.array("[]")), "is a forecaster of format None"),
    "names that are no list": (
        array("common/names", lambda _: np.frombuffer(b"{}", np.uint8)),
        "counts something else",
    ),
    "another head": (lambda held: held.update(kind=np.array("oracle")), "no head of kind 'oracle'"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_cannot_forecast_is_refused_when_it_is_read(name: str, sound: Path, tmp_path: Path) -> None:
    change, said = STRANGE[name]
    with pytest.raises(CallerMistake, match=said) as refused:
        load(changed(sound, tmp_path / "strange.npz", change))
    assert re.search("is (no|a) forecaster", str(refused.value)) and "pickle" not in str(refused.value)


@pytest.mark.parametrize("name", ["feature", "left", "right", "roots", "value", "shape"])
def test_trees_that_lead_nowhere_are_refused(name: str, wood: Path, tmp_path: Path) -> None:
    with pytest.raises(CallerMistake, match="its trees"):
        load(changed(wood, tmp_path / "strange.npz", array(f"head/{name}", lambda numbers: numbers + 10**6)))


def test_a_network_of_another_width_than_its_graphs_is_refused(tmp_path: Path) -> None:
    def network(width: int) -> Gcn:
        sides = {"first": (width, 4), "first_bias": 4, "second": (4, 4), "second_bias": 4, "last": 4, "last_bias": ()}
        return Gcn(**{name: np.zeros(shape, dtype=np.float32) for name, shape in sides.items()})

    plain = constant("locate")
    graphs = dataclasses.replace(plain.card, kind="gcn", embedder="hashed:8")
    save(dataclasses.replace(plain, card=graphs, head=network(10)), tmp_path / "right.npz")  # look, unknown, 8 of text
    assert load(tmp_path / "right.npz").of(PREFIX).p_fail == 0.5
    save(dataclasses.replace(plain, card=graphs, head=network(11)), tmp_path / "wide.npz")
    with pytest.raises(CallerMistake, match=r"first are of shape \(11, 4\) instead of \(10, 4\)"):
        load(tmp_path / "wide.npz")


def test_other_files_are_no_forecasters(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "two.npz").write_bytes(pickle.dumps({"card": 1}))
    for file in (tmp_path / "one.npy", tmp_path / "two.npz", tmp_path):
        with pytest.raises(CallerMistake, match="is no forecaster") as refused:
            load(file)
        assert "pickle" not in str(refused.value)


def test_a_file_of_an_earlier_format_may_be_replaced_by_the_same_kind_of_task_only(sound: Path, tmp_path: Path) -> None:
    file = changed(sound, tmp_path / "earlier.npz", card(format="parcae.forecaster/1"))
    with pytest.raises(EarlierFormat, match=r"format 'parcae.forecaster/1'") as refused:
        load(file)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
    refuse_to_replace(file, "locate")
    with pytest.raises(CallerMistake, match=r"is not written over: .* tasks of kind 'locate'"):
        refuse_to_replace(file, "repair")


@pytest.mark.parametrize("agent", ["../evil", "a/b", "", ".", "..", ".hidden", "a\\b", "a\0b", "x" * 101])
def test_an_agents_name_leads_nowhere_but_to_the_shelf(agent: str, tmp_path: Path) -> None:
    with pytest.raises(CallerMistake, match="is no kind of task"):
        shelf_file(tmp_path, agent)
    assert shelf_file(tmp_path, "my-agent_2.0").parent == tmp_path / "forecasters"


def test_what_is_in_use_is_what_the_next_run_finds(sound: Path, tmp_path: Path) -> None:
    file = shelf_file(tmp_path, "locate")
    assert not in_use(file, "locate")
    save(load(sound), file)
    assert in_use(file, "locate")
    changed(sound, file, card(format="parcae.forecaster/1"))
    assert not in_use(file, "locate")
