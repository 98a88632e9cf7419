from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from parcae.graphs.known import KnownNames
from parcae.graphs.tally import TaskFacts
from parcae.graphs.turns import Turn
from parcae.prediction.evaluate import evaluate
from parcae.prediction.fit import constant, names
from parcae.prediction.fitted import load, save
from parcae.prediction.names import NOTHING_NAMED, Names, table_of
from parcae.prediction.prefixes import Example, Group, Look, Prefix, Setup, examples_of
from parcae.prediction.rows import feature_names, rows_of
from parcae.prediction.train import train

KNOWN = KnownNames.of({f"m.C{k}.f": 1 + k % 2 for k in range(8)})


def groups(count: int = 60, *, seed: int = 3, told: bool = True) -> list[Group]:
    """Attempts put the right name first, if they know it; what most failing tests reach is right more often."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        right = f"m.C{rng.choice([1, 1, 3, 5, 7, 0])}.f"
        wrong = f"m.C{rng.randrange(8)}.f"
        answers = [(right, wrong) if rng.random() < 0.4 else (wrong, f"m.C{rng.randrange(8)}.f") for _ in range(4)]
        votes: dict[str, float] = {}
        for answer in answers:
            for name in set(answer):
                votes[name] = votes.get(name, 0.0) + 1 / len(set(answer))
        made.append(
            Group(
                task_id=f"task-{number}",
                setup=Setup(model="cheap"),
                attempts=tuple((Turn(answer=answer),) for answer in answers),
                failed=max(sorted(votes), key=lambda name: votes[name]) != right,
                facts=TaskFacts(candidates=8, known=KNOWN),
                right=frozenset({right}) if told else None,
            )
        )
    return made


def examples(**how: bool) -> list[Example]:
    return examples_of(groups(**how), [Look()])


def test_scoring_many_rows_equals_scoring_each() -> None:
    rows = rows_of(examples(), feature_names(()))
    head = names(4, 20)(rows, 1)
    assert isinstance(head, Names)
    table = rows.tables[0]
    each = [head.trees.score(row) for row in table.features]
    assert head.right(table) == pytest.approx(each)
    assert 0 <= head.score(table) <= 1


def test_a_forest_over_names_forecasts_better_than_always_saying_the_same() -> None:
    found = evaluate(groups(), Look(), gcn=None, heads=("majority", "names"))
    assert found.named("names").brier < found.named("majority").brier
    assert found.named("names").auc > 0.6


def test_a_task_on_which_nobody_named_anything_is_forecast_without_names() -> None:
    rows = rows_of(examples(), feature_names(()))
    head = names(4, 20)(rows, 1)
    assert isinstance(head, Names)
    silent = Prefix(samples=2, facts=TaskFacts(), attempts=((Turn(answer=()),),)).tally()
    assert head.score(table_of(silent)) == NOTHING_NAMED
    reached = Prefix(samples=2, facts=TaskFacts(known=KNOWN), attempts=()).tally()
    assert table_of(reached).names == ("m.C1.f",) and 0 <= head.score(table_of(reached)) <= 1


def test_where_no_name_is_right_the_share_of_failures_is_all_there_is_to_learn() -> None:
    none = [Example(task_id=one.task_id, setup=one.setup, prefix=one.prefix, failed=one.failed) for one in examples()]
    rows = rows_of(none, feature_names(()))
    assert names(4, 20)(rows, 1) == constant(rows, 1)


def test_where_only_the_verdict_is_known_the_winner_of_a_good_vote_is_right() -> None:
    for group in groups(told=False):
        known = group.known_right()
        assert known == frozenset() if group.failed else len(known) == 1


def test_a_forecaster_by_names_survives_its_file(tmp_path: Path) -> None:
    trained = train(groups(), kind="names", looks=[Look()])
    save(trained.fitted, tmp_path / "one.npz")
    again = load(tmp_path / "one.npz")
    for example in examples()[:5]:
        assert again.of(example.prefix) == trained.fitted.of(example.prefix)


def test_a_blend_that_reads_names_survives_its_file(tmp_path: Path) -> None:
    trained = train(groups(), kind="blend", looks=[Look()])
    save(trained.fitted, tmp_path / "one.npz")
    again = load(tmp_path / "one.npz")
    save(again, tmp_path / "other.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    for example in examples()[:10]:
        assert again.of(example.prefix) == trained.fitted.of(example.prefix)
    assert np.isfinite(trained.gain)
