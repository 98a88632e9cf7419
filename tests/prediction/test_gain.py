"""What a swap brings, from two forecasters that watch the same attempts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.prediction.made import constant

from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.prediction.fitted import Fitted
from parcae.prediction.gain import SwapForecaster
from parcae.prediction.heads import Constant

TASK = Task(id="t", kind="locate", question="?")


def saying(share: float) -> Fitted:
    return replace(constant("locate.swapped"), head=Constant(share=share))


def test_the_gain_is_what_both_say() -> None:
    both = SwapForecaster(now=replace(constant("locate"), head=Constant(share=0.9)), after=saying(0.3))
    forecast = both.watch(TASK, 3).forecast()
    assert (forecast.p_fail, forecast.p_fail_after) == (0.9, 0.3) and forecast.gain == pytest.approx(0.6)
    assert any("after a swap 30% of such votes fail" in reason for reason in forecast.reasons)
    assert saying(0.3).watch(TASK, 3).forecast().gain is None


def test_once_a_model_is_at_work_that_it_never_saw_nothing_is_said_of_a_further_swap() -> None:
    known = replace(saying(0.1), card=replace(saying(0.1).card, models=("cheap",)))
    watch = SwapForecaster(now=constant("locate"), after=known).watch(TASK, 2)
    watch.add(0, Step(model="cheap"))
    assert watch.forecast().p_fail_after == pytest.approx(0.1)
    watch.add(1, Step(model="large"))
    assert watch.forecast().p_fail_after is None


def test_where_the_second_does_not_know_what_it_sees_nothing_is_said_of_a_swap() -> None:
    card = replace(saying(0.3).card, models=("cheap",), features=("mean_length",), low=(3.0,), high=(4.0,))
    strange = replace(saying(0.3), card=card)
    watch = SwapForecaster(now=constant("locate"), after=strange).watch(TASK, 1)
    watch.add(0, Step(model="another"))
    forecast = watch.forecast()
    assert forecast.p_fail == pytest.approx(0.4) and forecast.gain is None
    assert any("not known here" in reason and "another" in reason for reason in forecast.reasons)
