from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from tests.prediction.made import made_groups

from parcae.core.errors import CallerMistake
from parcae.graphs.turns import Turn
from parcae.prediction.calibrate import no_calibration
from parcae.prediction.crossfit import BASELINES, BLEND, HEADS, SELECTED
from parcae.prediction.evaluate import Evaluation, evaluate
from parcae.prediction.prefixes import Example, Group, Look, Prefix, Setup
from parcae.prediction.rows import checked

FEW = ("majority", "logistic", "boosting")


@pytest.fixture(scope="module")
def plain() -> Evaluation:
    return evaluate(made_groups(100), Look(), gcn=None, heads=FEW)


def test_forecasters_learn_what_is_there_to_learn(plain: Evaluation) -> None:
    assert plain.named("logistic").auc > 0.7 > 0.55 > plain.named("majority").auc
    assert {one.name for one in plain.forecasters} == {
        "majority", "confidence", "rule", "logistic", "boosting", "selected",
    }  # fmt: skip
    for one in plain.forecasters:
        assert one.low <= one.accuracy <= one.high and len(one.settings) == 5
    assert plain.tasks == tuple(group.task_id for group in made_groups(100))


def test_shuffled_labels_bring_the_area_to_one_half() -> None:
    groups = made_groups(100)
    areas = []
    for seed in range(3):
        verdicts = [group.failed for group in groups]
        random.Random(seed).shuffle(verdicts)
        shuffled = [dataclasses.replace(group, failed=one) for group, one in zip(groups, verdicts, strict=True)]
        areas.append(evaluate(shuffled, Look(), gcn=None, heads=("logistic",)).named("logistic").auc)
    noise = np.sqrt(1 / (12 * 25)) / np.sqrt(3)  # of one area with 50 + 50 tasks, over three shuffles
    assert abs(np.mean(areas) - 0.5) < 3 * noise


def test_shuffled_labels_bring_the_area_of_every_kind_to_one_half() -> None:
    groups = made_groups(60)
    verdicts = [group.failed for group in groups]
    random.Random(1).shuffle(verdicts)
    shuffled = [dataclasses.replace(group, failed=one) for group, one in zip(groups, verdicts, strict=True)]
    found = evaluate(shuffled, Look(), gcn=None)
    noise = np.sqrt(61 / (12 * 30 * 30))  # of one area with 30 + 30 tasks
    assert {one.name for one in found.forecasters} == {*BASELINES, *HEADS, BLEND, SELECTED}
    for one in found.forecasters:
        assert abs(one.auc - 0.5) < 3 * noise, one.name


def test_a_prefix_holds_nothing_of_what_came_later() -> None:
    group = made_groups(1)[0]
    assert {field.name for field in dataclasses.fields(Prefix)} == {"samples", "facts", "attempts"}
    for at in range(7):
        prefix = group.prefix(Look(at=at))
        assert all(len(turns) <= at for turns in prefix.attempts)
        for seen, whole in zip(prefix.attempts, group.attempts, strict=True):
            later = [Turn(answer=("quite", "another"))] * (len(whole) - len(seen))
            other = dataclasses.replace(group, attempts=((*seen, *later),))
            assert other.prefix(Look(at=at)).attempts == (seen,)
    sequential = group.prefix(Look(kind="sequential", at=2))
    assert sequential.attempts == group.attempts[:2] and sequential.samples == 4
    stopped = dataclasses.replace(group, attempts=group.attempts[:1], planned=4)
    assert stopped.prefix(Look()).samples == 4  # how many came is not known beforehand
    with pytest.raises(ValueError, match="from the end"):
        Look(at=-1)


def test_intervals_of_several_set_ups_are_those_of_their_tasks() -> None:
    groups = made_groups(60)
    again = [dataclasses.replace(one, setup=Setup(model=f"m{k}")) for k in range(3) for one in groups]
    one, three = (evaluate(some, Look(), gcn=None, heads=("majority",)).named("rule") for some in (groups, again))
    assert (three.low, three.high) == pytest.approx((one.low, one.high))
    assert (three.auc_low, three.auc_high) == pytest.approx((one.auc_low, one.auc_high))


def test_a_whole_group_cannot_be_asked_on() -> None:
    from parcae.prediction.card import Card
    from parcae.prediction.fitted import Fitted
    from parcae.prediction.heads import Constant

    card = Card(
        kind="majority", agent="locate", tools=("look",), models=(), data_hash="", seed=1, folds=5, tasks=1, examples=1,
        failure_rate=0.5, looks=(), features=(), low=(), high=(),
    )  # fmt: skip
    fitted = Fitted(card=card, head=Constant(share=0.4), calibration=no_calibration())
    group = made_groups(1)[0]
    assert fitted.of(group.prefix(Look())).p_fail == pytest.approx(0.4)
    with pytest.raises(TypeError, match="not on Group"):
        fitted.of(group)  # type: ignore[arg-type]
    example = Example(task_id="t", setup=group.setup, prefix=group.prefix(Look()), failed=True)
    with pytest.raises(TypeError, match="not on Example"):
        fitted.of(example)  # type: ignore[arg-type]


def relabelled(groups: list[Group], failed: bool | None) -> list[Group]:
    return [dataclasses.replace(group, failed=failed) for group in groups]


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (relabelled(made_groups(40), None), "none of 40 tasks has a verdict"),
        (relabelled(made_groups(40), True), "all 40 groups failed"),
        (relabelled(made_groups(40), False), "all 40 groups succeeded"),
        (made_groups(29), "only 29 tasks"),
        ([*made_groups(40), made_groups(40)[3]], "'task-3' stands there twice"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(groups: list[Group], said: str) -> None:
    with pytest.raises(CallerMistake, match=said):
        checked(groups)
