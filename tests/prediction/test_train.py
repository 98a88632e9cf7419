from __future__ import annotations

import dataclasses
import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ROOT, missing
from tests.prediction.made import made_groups

from parcae.core.errors import CallerMistake
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.graphs.nodes import Call
from parcae.graphs.turns import Turn
from parcae.prediction.fitted import Fitted, load, save
from parcae.prediction.gcn import GcnSettings
from parcae.prediction.prefixes import Look
from parcae.prediction.rule import RuleForecaster
from parcae.prediction.shelf import NOTHING_TRAINED, forecaster_named, shelf_file
from parcae.prediction.train import Trained, looks_for, train

LOOKS = (Look(at=2), Look())


@pytest.fixture(scope="module")
def trained() -> Trained:
    """What decides is the size of the task, which the rule does not read."""
    sized = [dataclasses.replace(one, failed=(one.facts.candidates or 0) > 30) for one in made_groups(80)]
    return train(sized, kind="logistic", looks=LOOKS)


def test_what_beats_the_rule_is_better_and_says_so(trained: Trained) -> None:
    assert trained.better and trained.low > 0
    card = trained.fitted.card
    assert card.tasks == 80 and card.examples == 160 and card.tools == ("look",) and card.models == ("cheap",)
    assert card.metrics["logistic"]["brier"] < card.metrics["rule"]["brier"]
    assert len(card.data_hash) == 64 and card.looks == ("parallel@2", "full")


def test_noise_does_not_beat_the_rule_and_the_rule_stays() -> None:
    groups, rng = made_groups(60), random.Random(3)
    verdicts = [group.failed for group in groups]
    rng.shuffle(verdicts)
    shuffled = [dataclasses.replace(group, failed=one) for group, one in zip(groups, verdicts, strict=True)]
    found = train(shuffled, kind="prior", looks=LOOKS)
    assert not found.better and "not better" in found.why


@pytest.mark.parametrize("kind", ["logistic", "boosting", "forest", "blend", "prior", "gcn"])
def test_a_file_forecasts_what_was_trained_and_repeats_byte_for_byte(kind: str, tmp_path: Path) -> None:
    if kind == "gcn" and importlib.util.find_spec("torch_geometric") is None:
        missing("PyTorch Geometric (the `train` extra)")
    groups = made_groups(40)
    found = train(groups, kind=kind, looks=LOOKS, gcn=GcnSettings(epochs=2, hidden=4)).fitted
    one, other = tmp_path / "one.npz", tmp_path / "other.npz"
    save(found, one)
    again = load(one)
    save(again, other)
    assert one.read_bytes() == other.read_bytes()
    for group in groups[:10]:
        assert again.of(group.prefix(Look(at=3))) == found.of(group.prefix(Look(at=3)))


def test_fasttext_vectors_travel_in_the_file_and_need_neither_gensim_nor_torch(tmp_path: Path) -> None:
    for module, extra in (("torch_geometric", "train"), ("gensim", "text")):
        if importlib.util.find_spec(module) is None:
            missing(f"{module} (the `{extra}` extra)")
    groups = made_groups(40)
    found = train(groups, kind="gcn", embedder="fasttext", looks=LOOKS, gcn=GcnSettings(epochs=2, hidden=4)).fitted
    assert found.card.embedder == "fasttext:100"
    file, prefix = tmp_path / "one.npz", groups[3].prefix(Look(at=3))
    save(found, file)
    assert load(file).of(prefix) == found.of(prefix)
    save(dataclasses.replace(found, embedded={**found.embedded, "buckets": np.zeros((2, 3))}), tmp_path / "bad.npz")
    with pytest.raises(CallerMistake, match="is no forecaster"):
        load(tmp_path / "bad.npz")
    code = (
        "import sys; sys.modules['gensim'] = sys.modules['torch'] = sys.modules['sklearn'] = None\n"
        "from pathlib import Path\n"
        "from tests.prediction.made import made_groups\n"
        "from parcae.prediction.fitted import load\n"
        "from parcae.prediction.prefixes import Look\n"
        f"print(load(Path({str(file)!r})).of(made_groups(40)[3].prefix(Look(at=3))).p_fail)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ, cwd=ROOT
    )
    assert float(done.stdout) == found.of(prefix).p_fail


def test_a_watch_equals_one_that_was_fed_from_scratch(trained: Trained) -> None:
    group = made_groups(1, seed=9)[0]
    watch = trained.fitted.follow(4, group.facts)
    for at in range(1, 7):
        for number, turns in enumerate(group.attempts):
            if at <= len(turns):
                watch.take(number, turns[at - 1])
        got, anew = watch.forecast(), trained.fitted.of(group.prefix(Look(at=at)))
        assert got.p_fail == pytest.approx(anew.p_fail) and got.trust == pytest.approx(anew.trust)


def test_heads_in_numpy_score_as_scikit_learn_does() -> None:
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    from parcae.prediction.fit import Rows, boosting, forest, logistic

    rng = np.random.default_rng(4)
    features = rng.normal(size=(200, 5)).astype(np.float32).astype(np.float64)
    failed = features[:, 0] + 0.5 * rng.normal(size=200) > 0
    rows = Rows(features=features, failed=failed, fold=np.arange(200) % 5)
    trees = GradientBoostingClassifier(
        n_estimators=20, max_depth=3, learning_rate=0.1, subsample=0.5, min_samples_leaf=10, max_features=0.3,
        random_state=1,
    ).fit(features.astype(np.float32), failed)  # fmt: skip
    ours = boosting(20, 3, 0.1)(rows, 1)
    assert np.allclose([ours.score(row) for row in features], trees.predict_proba(features)[:, 1], atol=1e-6)
    wood = RandomForestClassifier(20, min_samples_leaf=4, random_state=1).fit(features.astype(np.float32), failed)
    ours = forest(4, 20)(rows, 1)
    assert np.allclose([ours.score(row) for row in features], wood.predict_proba(features)[:, 1], atol=1e-9)
    assert 0 < logistic(0.1)(rows, 1).score(features[0]) < 1


def test_strange_tools_models_and_magnitudes_lower_the_trust_and_say_so(trained: Trained) -> None:
    fitted, group = trained.fitted, made_groups(1, seed=5)[0]
    usual = fitted.of(group.prefix(Look()))
    assert usual.trust > 0.9 and "logistic trained on 80 tasks" in usual.reasons[0]
    turns = tuple(Turn(calls=(Call(tool="fly", arguments="{}"),)) for _ in range(4))
    strange = fitted.of(dataclasses.replace(group, attempts=(turns,) * 4).prefix(Look()))
    assert strange.trust < 0.1 and "tools it was not trained on (fly)" in strange.reasons[1]
    huge = tuple(Turn(calls=group.attempts[0][0].calls, observed_chars=10**9) for _ in range(400))
    assert fitted.of(dataclasses.replace(group, attempts=(huge,) * 4).prefix(Look())).trust < usual.trust
    watch = fitted.watch(Task(id="t", kind="locate", question="?"), 4)
    watch.add(0, Step(model="another"))
    assert "never saw attempts by another" in watch.forecast().reasons[-1]


def test_looks_cover_the_way_to_the_end() -> None:
    looks = [str(look) for look in looks_for(made_groups(30))]
    assert looks[0] == "parallel@1" and "sequential@3" in looks and looks[-1] == "full"


def test_files_that_are_no_forecasters_are_named(tmp_path: Path, trained: Trained) -> None:
    with pytest.raises(CallerMistake, match="there is no forecaster"):
        load(tmp_path / "none.npz")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"nothing")
    with pytest.raises(CallerMistake, match="is no forecaster"):
        load(broken)
    newer = dataclasses.replace(
        trained.fitted, card=dataclasses.replace(trained.fitted.card, format="parcae.forecaster/9")
    )
    save(newer, tmp_path / "newer.npz")
    with pytest.raises(CallerMistake, match=r"format 'parcae.forecaster/9', this Parcae reads parcae.forecaster/2"):
        load(tmp_path / "newer.npz")
    with pytest.raises(CallerMistake, match="no forecaster 'oracle' to train"):
        train(made_groups(40), kind="oracle")


def test_the_forecaster_of_the_home_is_taken_if_it_fits(tmp_path: Path, trained: Trained) -> None:
    rule, said = forecaster_named(None, home=tmp_path, agent="locate")
    assert isinstance(rule, RuleForecaster) and said == NOTHING_TRAINED
    save(trained.fitted, shelf_file(tmp_path, "locate"))
    found, said = forecaster_named(None, home=tmp_path, agent="locate")
    assert isinstance(found, Fitted) and "80 tasks" in said
    assert isinstance(forecaster_named("rule", home=tmp_path, agent="locate")[0], RuleForecaster)
    with pytest.raises(CallerMistake, match="trained on tasks of kind 'locate', this one is 'repair'"):
        forecaster_named(str(shelf_file(tmp_path, "locate")), home=tmp_path, agent="repair")
    save(trained.fitted, shelf_file(tmp_path, "repair"))  # lies there, but is for another agent
    other, said = forecaster_named(None, home=tmp_path, agent="repair")
    assert isinstance(other, RuleForecaster) and "trained on tasks of kind 'locate'" in said


def test_forecasting_needs_neither_scikit_learn_nor_torch(tmp_path: Path, trained: Trained) -> None:
    save(trained.fitted, tmp_path / "one.npz")
    code = (
        "import sys; sys.modules['sklearn'] = sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from parcae.prediction.fitted import load\n"
        "from parcae.graphs.tally import TaskFacts\n"
        f"print(load(Path({str(tmp_path / 'one.npz')!r})).follow(4, TaskFacts()).forecast().p_fail)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert 0 <= float(done.stdout) <= 1
