from __future__ import annotations

import dataclasses
import importlib.util
import math
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import ROOT, missing
from tests.prediction.made import made_groups

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Forecast, Standing
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.graphs.nodes import Call
from parcae.graphs.tally import TaskFacts
from parcae.graphs.turns import Turn
from parcae.hotswap.policies import parse_policy
from parcae.prediction.crossfit import LEARNED, Lesson, forecasts_of
from parcae.prediction.fitted import Fitted, load, save
from parcae.prediction.gcn import GcnSettings
from parcae.prediction.prefixes import FOLDS, Group, Look, Setup, examples_of
from parcae.prediction.rows import hash_of
from parcae.prediction.rule import RuleForecaster
from parcae.prediction.shelf import NOTHING_TRAINED, forecaster_named, shelf_file
from parcae.prediction.train import Trained, looks_for, train

LOOKS = (Look(at=2), Look())


def sized(groups: Sequence[Group]) -> list[Group]:
    """What decides is the size of the task."""
    return [dataclasses.replace(one, failed=(one.facts.candidates or 0) > 30) for one in groups]


@pytest.fixture(scope="module")
def trained() -> Trained:
    """What decides is the size of the task, which the rule does not read."""
    return train(sized(made_groups(80)), kind="logistic", looks=LOOKS)


def test_what_beats_the_rule_is_better_and_says_so(trained: Trained) -> None:
    assert trained.better and trained.low > 0
    card = trained.fitted.card
    assert card.tasks == 80 and card.examples == 160 and card.tools == ("look",) and card.models == ("cheap",)
    assert card.metrics["logistic"]["brier"] < card.metrics["rule"]["brier"]
    assert len(card.data_hash) == 64 and card.looks == ("parallel@2", "full")


def shuffled(groups: Sequence[Group], seed: int) -> list[Group]:
    """Verdicts dealt out anew: nothing tells of them."""
    verdicts = [group.failed for group in groups]
    random.Random(seed).shuffle(verdicts)
    return [dataclasses.replace(group, failed=one) for group, one in zip(groups, verdicts, strict=True)]


@pytest.mark.parametrize("kind", ["prior", "logistic"])
def test_noise_does_not_beat_the_rule_and_the_rule_stays(kind: str) -> None:
    """Of 24 forecasters of noise at most 3 may pass at a level of 2.5 %: more happen once in 400 times."""
    groups = made_groups(120)
    found = [train(shuffled(groups, seed), kind=kind, looks=LOOKS) for seed in range(24)]
    assert sum(one.better for one in found) <= 3
    assert sum(one.low > 0 for one in found) > 6  # the rule itself is worse than saying always the same
    assert all("not better" in one.why for one in found if not one.better)


def test_without_a_kind_the_best_on_other_tasks_is_taken_and_a_signal_is_found() -> None:
    best = train(sized(made_groups(40)), looks=[Look()])
    assert best.better and best.low > 0
    assert best.fitted.card.kind in LEARNED and set(best.fitted.card.metrics) == {best.fitted.card.kind, "rule"}


def test_stopping_is_promised_on_each_task_with_each_set_up() -> None:
    """The threshold is drawn from successes alone, each with the largest of its forecasts."""
    groups = made_groups(80)
    other = [dataclasses.replace(one, setup=Setup(model="strong")) for one in made_groups(80, seed=2)]
    for some in (groups, [*groups, *other]):
        card = train(some, kind="logistic", looks=LOOKS).fitted.card
        lesson = Lesson.of(some, LOOKS)
        said: dict[tuple[str, Setup], list[float]] = {}
        for fold in range(FOLDS):
            forecasts = forecasts_of(lesson.without(fold), fold, 1, ("logistic",))["logistic"][0]
            for place, p_fail in zip(lesson.inside(fold), forecasts, strict=True):
                example = lesson.examples[place]
                if not example.failed:
                    said.setdefault((example.task_id, example.setup), []).append(float(p_fail))
        successes = sorted(max(own) for own in said.values())
        assert len(successes) == sum(not group.failed for group in some)
        assert card.stop_above == successes[math.ceil((len(successes) + 1) * 0.95) - 1]


def test_at_most_one_success_in_twenty_is_stopped_by_the_policy() -> None:
    """Simulation: forecasters trained on tasks of a kind, and `stop@2` deciding on fresh ones as on live runs."""
    policy, shares, plain = parse_policy("stop@2"), [], []
    for seed in range(8):
        fitted = train(made_groups(120, seed=seed), kind="prior", looks=LOOKS).fitted
        assert fitted.card.stop_above is not None
        forecasts = [
            fitted.of(group.prefix(Look(at=2))) for group in made_groups(400, seed=100 + seed) if not group.failed
        ]
        stopped = [policy.decide(_open(forecast)).action == "finish" for forecast in forecasts]
        shares.append(float(np.mean(stopped)))
        plain.append(float(np.mean([forecast.p_fail > 0.5 for forecast in forecasts])))
    assert np.mean(shares) <= 0.05 + 2 * np.std(shares) / np.sqrt(len(shares))
    assert np.mean(plain) > 0.1  # without the promise one in ten of them would be


def _open(forecast: Forecast) -> Standing:
    """Four attempts that have made two steps."""
    return Standing(
        steps=(2,) * 4, ended=(False,) * 4, rungs=(0,) * 4, votes=(), forecast=forecast, spent_usd=0.0,
        ladder=("cheap",), planned=4,
    )  # fmt: skip


def test_the_hash_tells_of_all_that_is_learned_from() -> None:
    groups = made_groups(40)
    first = groups[0]
    known = TaskFacts.of({"a.m0": 1, "a.m1": 2})

    def hashed(one: Group) -> str:
        return hash_of(examples_of([one, *groups[1:]], LOOKS))

    others: list[dict[str, Any]] = [
        {"failed": not first.failed}, {"right": frozenset({"a.m7"})}, {"setup": Setup(model="another")},
        {"attempts": first.attempts[:1]}, {"facts": known}, {"facts": known.beside({"a.m0": 3})},
        {"facts": TaskFacts.of({"a.m0": 2, "a.m1": 2})}, {"planned": 10}, {"extra": True},
    ]  # fmt: skip
    hashes = [hashed(first), *(hashed(dataclasses.replace(first, **change)) for change in others)]
    assert len(set(hashes)) == len(hashes)
    assert hash_of(examples_of(groups[::-1], LOOKS)) == hashes[0]


def test_each_model_of_a_group_is_one_that_training_saw() -> None:
    both = [dataclasses.replace(one, setup=Setup(model="cheap and strong")) for one in made_groups(40)]
    fitted = train(both, kind="prior", looks=[Look()]).fitted
    assert fitted.card.models == ("cheap", "strong")
    watch = fitted.watch(Task(id="t", kind="locate", question="?"), 4)
    watch.add(0, Step(model="strong"))
    assert not any("never saw" in reason for reason in watch.forecast().reasons)


@pytest.mark.parametrize("kind", ["logistic", "boosting", "forest", "prior", "gcn"])
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
    assert usual.trusted and not strange.trusted
    for policy in ("parallel@2", "sequential@1", "stop@2"):
        lost = dataclasses.replace(_open(dataclasses.replace(strange, p_fail=0.9)), ladder=("cheap", "strong"))
        decision = parse_policy(policy).decide(lost)
        assert decision.action == "carry_on" and "the forecast is not trusted: its trust is 0.0" in decision.why
        assert "tools it was not trained on (fly)" in decision.why
    huge = tuple(Turn(calls=group.attempts[0][0].calls, observed_chars=10**9) for _ in range(400))
    drifted = fitted.of(dataclasses.replace(group, attempts=(huge,) * 4).prefix(Look()))
    assert drifted.trust < usual.trust
    assert any("of what it measures lies outside its training (" in reason for reason in drifted.reasons)
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
