from __future__ import annotations

import os
from pathlib import Path

import pytest

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Forecaster
from parcae.gateway.forecasters import Forecasters
from parcae.prediction.rule import RuleForecaster


class Named(RuleForecaster):
    def __init__(self, text: str) -> None:
        self.text = text


def load(file: Path) -> Forecaster:
    text = file.read_text(encoding="utf-8")
    if text == "broken":
        raise CallerMistake(f"{file} is no forecaster")
    return Named(text)


def test_a_file_is_taken_up_when_it_appears_and_when_it_changes_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, times = tmp_path / "fitted", iter(range(0, 1000, 2))
    known = Forecasters(file, load, now=lambda: next(times))
    assert isinstance(known.named(None), RuleForecaster) and not isinstance(known.named(None), Named)
    for number, (text, expected) in enumerate([("first", "first"), ("second", "second"), ("broken", "second")]):
        file.write_text(text, encoding="utf-8")
        os.utime(file, ns=(number, number))
        found = known.named(None)
        assert isinstance(found, Named) and found.text == expected
    assert "not taken up" in caplog.text
    assert not isinstance(known.named("rule"), Named)


def test_a_file_is_looked_at_once_a_second_at_most(tmp_path: Path) -> None:
    file = tmp_path / "fitted"
    known = Forecasters(None, load, now=lambda: 0.0)
    assert not isinstance(known.named(str(file)), Named)
    file.write_text("late", encoding="utf-8")
    assert not isinstance(known.named(str(file)), Named)
