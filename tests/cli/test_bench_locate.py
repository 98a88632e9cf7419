"""`parcae bench locate` as people run it, and one of its runs shown and resumed like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.test_locate_forecaster import constant
from tests.conftest import missing

from parcae.cli.main import run
from parcae.prediction.fitted import save
from parcae.prediction.shelf import shelf_file
from parcae.tools.bubblewrap import trouble

Captured = pytest.CaptureFixture[str]
LADDER = ["--models", "builtin:small,builtin:large", "--samples", "2", "--swap", "parallel@2", "--budget", "5"]


def test_a_bench_goes_on_under_its_name_and_its_runs_are_runs_like_any_other(tmp_path: Path, capsys: Captured) -> None:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    bugs, home = str(tmp_path / "bugs"), tmp_path / "home"
    save(constant("locate"), shelf_file(home, "locate"))
    assert run(["bugs", "build", bugs, "--count", "2", "--seed", "3", "--quiet"]) == 0
    bench = ["bench", "locate", bugs, *LADDER, "--name", "two", "--home", str(home), "--json"]
    capsys.readouterr()
    assert run([*bench, "--limit", "1"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["bugs"] == 1
    assert run(bench) == 0
    both = json.loads(capsys.readouterr().out)
    assert both["bugs"] == 2

    assert run(["runs", "list", "--home", str(home), "--json"]) == 0
    runs = {one["run"]: one for one in json.loads(capsys.readouterr().out)["runs"]}
    swapping = next(name for name in runs if name.startswith("two-") and "parallel" in name)
    assert len(runs) == 6  # two bugs with three arms: the first bug was not met again
    assert run(["runs", "show", swapping, "--home", str(home), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["forecasts"][0]["p_fail"] == pytest.approx(0.4)  # the home's trained forecaster watched it
    assert run(["runs", "resume", swapping, "--home", str(home), "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out) == shown
