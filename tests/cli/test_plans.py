"""Plans as the commands take them: what cannot run is one sentence, the same for a dry run, and nothing is paid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import ROOT

from parcae.cli.ladder import read_plan
from parcae.cli.main import run
from parcae.core.plan import StagePlan

Captured = pytest.CaptureFixture[str]
SMALL = '[default]\nladder = ["builtin:small"]\n'
BOTH = '[default]\nladder = ["builtin:small", "builtin:large"]\n'

REFUSED = {
    "a temperature of 400 digits": (SMALL + "temperature = 1" + "0" * 400, "`temperature` must be between 0 and 2"),
    "attempts of 5000 digits": (SMALL + "attempts = 1" + "0" * 5000, "a number has thousands of digits"),
    "more attempts than fit": (SMALL + "attempts = 100000000", "more than 10,000 attempts"),
    "a step of 5000 digits": (BOTH + f'policy = "parallel@1{"0" * 5000}"', "there is no policy"),
    "lists in lists": ("[default]\nladder = " + "[" * 3000 + "]" * 3000, "cannot be read as a plan"),
    "no TOML": ("ladder = ", "cannot be read as a plan"),
    "a lead of nothing": (SMALL + 'policy = "adaptive@0"', "L is more than 0"),
    "a swap without a second model": (SMALL + 'policy = "parallel@2"', "the ladder holds one model"),
    "a forecaster that is not there": (SMALL + 'forecaster = "nowhere.npz"', "there is no forecaster"),
    "a belief that is not there": (SMALL + 'forecaster = "nowhere.belief.json"', "there is no belief"),
    "a forecaster that is none": (SMALL + 'forecaster = "plan.toml"', "is no forecaster"),
    "a climb without rungs": (SMALL + 'policy = "climb"', "has no rungs"),
}


@pytest.mark.parametrize("command", [["locate", "nowhere", "t.py::t"], ["repair", "nowhere", "t.py::t"], ["run", "x"]])
@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry run"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_plan_that_cannot_run_is_refused_in_one_sentence_dry_or_not(
    case: str, more: list[str], command: list[str], tmp_path: Path, capsys: Captured
) -> None:
    text, part = REFUSED[case]
    plan, home = tmp_path / "plan.toml", tmp_path / "home"
    plan.write_text(text)
    assert run([*command, "--plan", str(plan), "--home", str(home), *more]) == 2
    said = capsys.readouterr()
    assert part in said.err and said.err.count("\n") == 1 and not said.out
    assert len(said.err) < 600 and not home.exists()


def test_a_dry_run_counts_every_attempt_and_shows_the_tighter_limit(tmp_path: Path, capsys: Captured) -> None:
    plan = tmp_path / "plan.toml"
    climb = "[[default.climb]]\nattempts = 4\n[[default.climb]]\nattempts = 2\n"
    plan.write_text("limits = {usd = 0.0005}\n" + BOTH + 'policy = "climb"\n' + climb)
    shown = ["locate", "nowhere", "t.py::t", "--plan", str(plan), "--home", str(tmp_path / "home"), "--dry-run"]
    assert run(shown) == 0
    said = capsys.readouterr().out
    assert "at most 6 attempts on builtin:small then builtin:large" in said and "worst case $0.0005" in said
    assert run([*shown, "--json", "--budget", "0.0001"]) == 0
    assert (found := json.loads(capsys.readouterr().out))["samples"] == 6 and found["worst_case_usd"] == 0.0001


def test_more_samples_than_fit_are_refused(tmp_path: Path, capsys: Captured) -> None:
    arguments = ["locate", "nowhere", "t.py::t", "--home", str(tmp_path / "home"), "--samples", "100000000"]
    assert run(arguments) == 2
    assert "more than 10,000 attempts" in capsys.readouterr().err


def test_a_forecaster_lies_beside_its_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.toml").write_text(
        SMALL + 'forecaster = "mine.npz"\n[stages.a]\nladder = ["m"]\nforecaster="rule"'
    )
    monkeypatch.chdir(ROOT)
    plan = read_plan(tmp_path / "plan.toml")
    assert plan.default.forecaster == str(tmp_path / "mine.npz")
    assert plan.stage("a") == StagePlan(ladder=("m",), forecaster="rule")
