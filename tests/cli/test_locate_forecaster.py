from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tests.cli.test_evaluate import logged
from tests.conftest import ROOT, missing
from tests.prediction.made import constant, made_groups
from tests.prediction.sources.test_swaps import taken_over

from parcae.cli.locate_run import forecaster_for
from parcae.cli.main import run
from parcae.cli.settings import settle
from parcae.core.errors import CallerMistake
from parcae.core.events import RunStarted
from parcae.core.plan import StagePlan
from parcae.core.task import Task
from parcae.prediction.fitted import Fitted, save
from parcae.prediction.gain import SwapForecaster
from parcae.prediction.rule import RuleForecaster
from parcae.prediction.shelf import shelf_file
from parcae.store.codec import encode
from parcae.store.replay import replayed
from parcae.tools.bubblewrap import trouble


def test_locate_takes_the_trained_forecaster_of_its_home(tmp_path: Path) -> None:
    settings = settle({"home": str(tmp_path)}, env={}, project=tmp_path, config=tmp_path)
    plain = StagePlan(ladder=("builtin:small",))
    rule, said = forecaster_for(plain, settings, "locate")
    assert isinstance(rule, RuleForecaster) and said == []
    save(constant("locate"), shelf_file(tmp_path, "locate"))
    trained, said = forecaster_for(plain, settings, "locate")
    assert isinstance(trained, Fitted) and "trained forecaster (majority, 40 tasks" in said[0]
    untrained, said = forecaster_for(StagePlan(ladder=("builtin:small",), forecaster="rule"), settings, "locate")
    assert isinstance(untrained, RuleForecaster) and "the plan wants it" in said[0]


def test_a_plan_that_names_another_agents_forecaster_is_refused(tmp_path: Path) -> None:
    settings = settle({"home": str(tmp_path)}, env={}, project=tmp_path, config=tmp_path)
    save(constant("repair"), tmp_path / "other.npz")
    stage = StagePlan(ladder=("builtin:small",), forecaster=str(tmp_path / "other.npz"))
    with pytest.raises(CallerMistake, match="trained on tasks of kind 'repair'"):
        forecaster_for(stage, settings, "locate")


def test_what_train_made_forecasts_the_next_live_run_and_the_page_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    log, home, page = tmp_path / "log.jsonl", str(tmp_path / "home"), tmp_path / "page.html"
    logged(log, made_groups(80, signal=0.95))
    assert run(["train", str(log), "--kind", "logistic", "--home", home, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(shelf_file(Path(home), "locate"))
    repository = str(ROOT / "examples" / "ledgerbook")
    test = "tests/test_ledger.py::test_closing_balance"
    live = ["--samples", "2", "--swap", "parallel@2", "--budget", "0.5", "--home", home, "--timeout", "150"]
    assert run(["locate", repository, test, *live, "--json", "--html", str(page)]) == 0
    said = "logistic trained on 80 tasks says"
    document = json.loads(capsys.readouterr().out)
    assert any(said in reason for one in document["forecasts"] for reason in one["reasons"])
    text = page.read_text()
    assert said in text and "such forecasts came true" in text
    assert "of the calls are to tools it was not trained on" in text
    assert "forecasts on tasks that training had not seen" in text and "came true</title>" in text
    assert run(["runs", "resume", document["run"], "--home", home, "--json", "--html", str(page)]) == 0
    assert "came true</title>" in page.read_text()


def test_what_swapped_runs_taught_says_what_the_next_swap_brings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, home = tmp_path / "exports", str(tmp_path / "home")
    folder.mkdir()
    for number in range(60):
        hard = number % 2 == 1  # as many candidates as this say how the swap ends
        run_name = f"r{number}"
        first, *rest = taken_over(run_name, success=not hard, by="builtin:large")
        assert isinstance(first, RunStarted)
        task = dataclasses.replace(first.task, details={"functions": "900" if hard else "9"})
        events = [dataclasses.replace(first, task=task), *rest]
        header = {"schema": "parcae.run/1", "run": run_name, "events": len(events)}
        rows = [{"at": 1.0, "scope": one.scope, "kind": one.kind, "body": json.loads(encode(one))} for one in events]
        (folder / f"{run_name}.jsonl").write_text("\n".join(json.dumps(row) for row in [header, *rows]))
    assert run(["train", str(folder), "--swapped", "--kind", "logistic", "--home", home, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == str(shelf_file(Path(home), "locate.swapped")), document["why"]
    assert document["card"]["agent"] == "locate.swapped" and document["card"]["models"] == ["small"]
    assert document["card"]["taken_by"] == ["builtin:large"]
    settings = settle({"home": home}, env={}, project=tmp_path, config=tmp_path)
    forecaster, said = forecaster_for(StagePlan(ladder=("builtin:small", "builtin:large")), settings, "locate")
    assert isinstance(forecaster, SwapForecaster) and "of what a swap brings a trained forecaster" in said[0]
    other, said_of_other = forecaster_for(StagePlan(ladder=("builtin:large", "builtin:small")), settings, "locate")
    assert not isinstance(other, SwapForecaster)
    assert "a swap to builtin:small brings is not said: learned were swaps to builtin:large" in said_of_other[0]
    few, many = (
        forecaster.watch(Task(id="t", kind="locate", question="?", details={"functions": count}), 1)
        for count in ("9", "900")
    )
    step = replayed([event for event in taken_over("r") if event.scope == "r/attempt-1"], "t").steps[0]
    for watch in (few, many):
        watch.add(0, step)
    helped, lost = few.forecast(), many.forecast()
    assert helped.gain is not None and lost.gain is not None and helped.gain > lost.gain
    assert run(["train", str(folder), "--home", home, "--quiet"]) == 2  # no run was left alone
    assert "add --swapped" in capsys.readouterr().err
