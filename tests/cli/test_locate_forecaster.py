from __future__ import annotations

from pathlib import Path

import pytest

from parcae.cli.locate_run import forecaster_for
from parcae.cli.settings import settle
from parcae.core.errors import CallerMistake
from parcae.core.plan import StagePlan
from parcae.prediction.calibrate import no_calibration
from parcae.prediction.card import Card
from parcae.prediction.fitted import Fitted, save
from parcae.prediction.heads import Constant
from parcae.prediction.rule import RuleForecaster
from parcae.prediction.shelf import shelf_file


def constant(agent: str) -> Fitted:
    card = Card(
        kind="majority", agent=agent, tools=("look",), models=(), data_hash="", seed=1, folds=5, tasks=40, examples=40,
        failure_rate=0.5, looks=(), features=(), low=(), high=(),
    )  # fmt: skip
    return Fitted(card=card, head=Constant(share=0.4), calibration=no_calibration())


def test_locate_takes_the_trained_forecaster_of_its_home(tmp_path: Path) -> None:
    settings = settle({"home": str(tmp_path)}, env={}, project=tmp_path, config=tmp_path)
    plain = StagePlan(ladder=("builtin:small",))
    rule, said = forecaster_for(plain, settings)
    assert isinstance(rule, RuleForecaster) and said == []
    save(constant("locate"), shelf_file(tmp_path, "locate"))
    trained, said = forecaster_for(plain, settings)
    assert isinstance(trained, Fitted) and "trained forecaster (majority, 40 tasks" in said[0]
    untrained, said = forecaster_for(StagePlan(ladder=("builtin:small",), forecaster="rule"), settings)
    assert isinstance(untrained, RuleForecaster) and "the plan wants it" in said[0]


def test_a_plan_that_names_another_agents_forecaster_is_refused(tmp_path: Path) -> None:
    settings = settle({"home": str(tmp_path)}, env={}, project=tmp_path, config=tmp_path)
    save(constant("repair"), tmp_path / "other.npz")
    stage = StagePlan(ladder=("builtin:small",), forecaster=str(tmp_path / "other.npz"))
    with pytest.raises(CallerMistake, match="trained on tasks of kind 'repair'"):
        forecaster_for(stage, settings)
