"""That forecasts of unseen tasks are that: nothing of a fold reaches what is fitted, chosen or counted without it."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from tests.conftest import missing
from tests.prediction.made import made_groups
from tests.prediction.test_commonness import with_own_names

from parcae.graphs.embed import HashedSubwords
from parcae.graphs.tally import TaskFacts
from parcae.prediction.crossfit import (
    BLENDED,
    SELECTED,
    Lesson,
    forecasts_of,
    gcn_forecasts,
    graphs_by_place,
    learn,
    learn_gcn,
    watched_of,
)
from parcae.prediction.evaluate import evaluate
from parcae.prediction.fit import Rows, constant, logistic, unseen
from parcae.prediction.gcn import GcnSettings
from parcae.prediction.heads import Logistic
from parcae.prediction.metrics import Floats
from parcae.prediction.prefixes import FOLDS, Group, Look, fold_of

FOLD = 3
LOOKS = (Look(at=2), Look())


def several(groups: Sequence[Group]) -> list[Group]:
    """Each task twice: what the second group teaches belongs to the same fold."""
    again = made_groups(len(groups), seed=2)
    further = [
        dataclasses.replace(own, attempts=other.attempts, extra=True) for own, other in zip(groups, again, strict=True)
    ]
    return [*groups, *further]


def flipped(groups: Sequence[Group]) -> list[Group]:
    """The verdicts on the tasks of the fold are the other way round."""
    return [dataclasses.replace(one, failed=not one.failed) if fold_of(one.task_id) == FOLD else one for one in groups]


def by_heads(groups: Sequence[Group]) -> dict[str, Floats]:
    lesson = Lesson.of(groups, LOOKS).without(FOLD)
    forecasts = forecasts_of(lesson, FOLD, 1, ("majority", "prior", *BLENDED))
    return {name: said for name, (said, _) in forecasts.items()}


def by_gcn(groups: Sequence[Group]) -> dict[str, Floats]:
    if importlib.util.find_spec("torch_geometric") is None:
        missing("PyTorch Geometric (the `train` extra)")
    lesson = Lesson.of(groups, LOOKS).without(FOLD)
    graphs = graphs_by_place(lesson, HashedSubwords(16))
    learned = learn_gcn(lesson, graphs, FOLD, seed=1, settings=GcnSettings(epochs=3, hidden=4))
    return {"gcn": gcn_forecasts(lesson, graphs, FOLD, learned)}


@pytest.mark.parametrize("forecast", [by_heads, by_gcn])
def test_a_forecast_does_not_depend_on_the_verdicts_of_its_fold(
    forecast: Callable[[Sequence[Group]], dict[str, Floats]],
) -> None:
    groups = several(made_groups(40))
    before, after = forecast(groups), forecast(flipped(groups))
    assert before.keys() == after.keys()
    for name, said in before.items():
        assert len(said) and np.array_equal(said, after[name]), name


def test_a_forecast_does_not_depend_on_other_tasks_of_its_fold() -> None:
    """Neither on their attempts nor on their candidates: how common a name is is counted without them."""
    groups = with_own_names()
    inside = [place for place, one in enumerate(groups) if fold_of(one.task_id) == FOLD]
    others = set(inside[1:])
    changed = [
        dataclasses.replace(one, facts=TaskFacts.of({f"m.C{k}.f": k for k in range(1, 5)}), attempts=one.attempts[:1])
        if place in others
        else one
        for place, one in enumerate(groups)
    ]
    said = [
        forecasts_of(Lesson.of(some, [Look()]).without(FOLD), FOLD, 1, ("prior", "logistic", "names"))
        for some in (groups, changed)
    ]
    assert len(inside) > 3
    for name in ("prior", "logistic", "names", SELECTED):
        assert said[0][name][0][0] == said[1][name][0][0], name
    assert not np.array_equal(said[0]["logistic"][0][1:], said[1]["logistic"][0][1:])


def test_counts_are_those_of_prefixes_counted_anew_without_the_fold() -> None:
    from parcae.prediction.commonness import beside
    from parcae.prediction.prefixes import examples_of
    from parcae.prediction.rows import rows_of

    groups = with_own_names()
    lesson = Lesson.of(groups, LOOKS).without(FOLD)
    known = {group.task_id for group in groups if fold_of(group.task_id) != FOLD}
    anew = rows_of(examples_of(beside(groups, known), LOOKS), lesson.names)
    assert np.array_equal(lesson.rows.features, anew.features)
    for one, other in zip(lesson.rows.tables, anew.tables, strict=True):
        assert np.array_equal(one.features, other.features)


def test_a_row_is_scored_by_a_head_that_did_not_see_its_fold() -> None:
    rows = Lesson.of(several(made_groups(40)), LOOKS).rows
    inside = rows.fold == FOLD
    turned = dataclasses.replace(rows, failed=rows.failed ^ inside)
    for fit in (logistic(0.1), constant):
        before, after = unseen(fit, rows, 1), unseen(fit, turned, 1)
        assert np.array_equal(before[inside], after[inside])
        assert not np.array_equal(before[~inside], after[~inside])


def test_extra_groups_teach_and_are_never_tested() -> None:
    groups = made_groups(40)
    found = evaluate(several(groups), Look(), gcn=None, heads=("logistic",))
    assert found.tasks == tuple(group.task_id for group in groups)
    alone = evaluate(groups, Look(), gcn=None, heads=("logistic",))
    assert not np.array_equal(found.p_fail["logistic"], alone.p_fail["logistic"])


def test_the_epoch_is_chosen_by_the_next_fold_that_has_tasks() -> None:
    folds = np.array([0, 1, 1, 3])
    assert watched_of(folds, 2) == [3] and watched_of(folds, 0) == [1, 2] and watched_of(folds, 3) == [0]
    assert watched_of(folds, -1) == [0] and FOLDS == 5


def test_further_groups_of_a_task_train_and_never_say_how_likely_failure_is() -> None:
    """Half of the rows are further groups, and all of those failed: of tasks that are met once, half do."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(600, 2))
    extra = np.arange(600) % 2 == 1
    failed = extra | (features[:, 0] + rng.normal(size=600) > 0)
    rows = Rows(features=features, failed=failed, fold=np.arange(600) // 2 % 5, extra=extra)
    learned = learn(rows, ("signal", "noise"), 1, heads=("logistic",))["logistic"]
    fresh = Rows(features=rng.normal(size=(400, 2)), failed=np.zeros(400, dtype=bool), fold=np.zeros(400, dtype=int))
    assert isinstance(learned.head, Logistic)
    assert fresh.scored(learned.head).mean() > 0.65  # the head leans
    assert learned.curve.each(fresh.scored(learned.head)).mean() == pytest.approx(0.5, abs=0.06)
