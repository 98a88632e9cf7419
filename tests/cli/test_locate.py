"""`parcae locate` as people run it: the document, the page, the plan before, the limits, interrupts, bad input."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import pytest
from tests.conftest import ROOT, missing

from parcae.cli.main import run
from parcae.models.catalog import Catalog
from parcae.models.silent import SilentModel
from parcae.tools.bubblewrap import trouble

EXAMPLE = str(ROOT / "examples" / "ledgerbook")
TEST = "tests/test_ledger.py::test_closing_balance"
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "locate-1.json").read_text())
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path) -> str:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    return str(tmp_path / "home")


def locate(home: str, *more: str, repo: str = EXAMPLE, test: str = TEST) -> int:
    return run(["locate", repo, test, "--home", home, "--timeout", "150", *more])


def test_the_document_fits_its_schema_and_the_page_stands_alone(home: str, tmp_path: Path, capsys: Captured) -> None:
    page = tmp_path / "pages" / "locate.html"
    assert locate(home, "--json", "--samples", "4", "--swap", "parallel@4", "--budget", "0.5", "--html", str(page)) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["schema"] == "parcae.locate/1"
    assert document["status"] == "done"
    first = document["suspects"][0]
    assert (ROOT / "examples" / "ledgerbook" / first["file"]).is_file()
    assert document["baseline"]["answer"] is None
    assert document["baseline"]["estimated"] is True
    assert all(cost["nominal"] for cost in document["by_model"].values())
    assert 0 < document["cost_usd"] <= 0.5
    text = page.read_text()
    assert "<svg" in text
    assert not re.search(r"""(?:src|href)=["'](?!#)""", text)
    assert not list(page.parent.glob(".*"))


FORKING = """
[default]
ladder = ["builtin:small", "builtin:large"]
policy = "climb"
[[default.climb]]
attempts = 3
batch = 3
look = [3]
swap_above = 0.0
then = "fork"
order = "forecast"
forks = 3
[[default.climb]]
attempts = 3
"""


def test_a_plan_that_forks_runs_and_pays_the_shared_steps_once(home: str, tmp_path: Path, capsys: Captured) -> None:
    plan, page = tmp_path / "plan.toml", tmp_path / "locate.html"
    plan.write_text(FORKING)
    assert locate(home, "--json", "--plan", str(plan), "--budget", "5", "--html", str(page)) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    (swap,) = document["swaps"]
    assert (swap["action"], swap["to_model"], len(swap["attempts"])) == ("fork", "builtin:large", 3)
    assert swap["attempts"][1:] == [3, 4] and len(document["attempts"]) == 5
    events = [json.loads(line) for line in exported(document["run"], home, capsys)]
    settled = sum(one["body"]["actual"]["usd"] for one in events if one.get("kind") == "money.settled/1")
    assert document["cost_usd"] == pytest.approx(settled)
    assert sum(cost["cost_usd"] for cost in document["by_model"].values()) == pytest.approx(settled)
    assert "fork to builtin:large" in page.read_text()


def exported(name: str, home: str, capsys: Captured) -> list[str]:
    """The lines of a run's export."""
    assert run(["runs", "export", name, "--home", home]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_same_seed_gives_the_same_suspects(home: str, capsys: Captured) -> None:
    documents = []
    for _ in range(2):
        assert locate(home, "--json", "--samples", "3", "--models", "builtin:small", "--seed", "7") == 0
        documents.append(json.loads(capsys.readouterr().out))
    first, second = documents
    assert first["run"] != second["run"]
    assert {**first, "run": ""} == {**second, "run": ""}


def test_a_recorded_run_is_replayed_without_its_model(
    home: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "calls.jsonl"
    name = f"recorded:{file}@builtin:small"
    assert locate(home, "--json", "--samples", "2", "--models", name) == 0
    recorded, text = json.loads(capsys.readouterr().out), file.read_text()
    assert text.startswith('{"schema": "parcae.recording/1"}')
    assert list(recorded["by_model"]) == [name]
    monkeypatch.setattr("parcae.models.builtin.builtin", lambda name: SilentModel(Catalog().card(name)))
    assert locate(home, "--json", "--samples", "2", "--models", name) == 0
    assert {**json.loads(capsys.readouterr().out), "run": ""} == {**recorded, "run": ""}
    assert file.read_text() == text


def test_people_see_suspects_costs_and_where_the_page_is(home: str, tmp_path: Path, capsys: Captured) -> None:
    assert locate(home, "--samples", "2", "--compare-strong", "--html", str(tmp_path / "x.html")) == 0
    captured = capsys.readouterr()
    assert "no --budget was given: this run stops at $1.00" in captured.out
    assert "(nominal)" in captured.out
    assert re.search(r"ledgerbook/\w+\.py:\d+", captured.out)
    assert re.search(
        r"all attempts on builtin:large would have cost \$[\d.]+ \(measured\) and named ledgerbook", captured.out
    )
    assert f"page {tmp_path / 'x.html'}" in captured.out


def test_a_dry_run_prints_the_plan_and_its_worst_case_and_runs_nothing(home: str, capsys: Captured) -> None:
    assert locate(home, "--dry-run", "--samples", "7", "--swap", "parallel@3", "--budget", "0.25") == 0
    text = capsys.readouterr().out
    assert "7 attempts on builtin:small then builtin:large" in text
    assert "worst case $0.25" in text
    assert not Path(home).exists()
    assert locate(home, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["worst_case_usd"] == 1.0


def test_a_budget_for_nothing_is_a_limit_and_what_was_found_is_shown(home: str, capsys: Captured) -> None:
    assert locate(home, "--json", "--samples", "2", "--budget", "0.000001") == 3
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "limit"
    assert document["cost_usd"] <= 0.000001


BAD_OPTIONS = {
    "an unknown model": (["--models", "builtin:huge"], "builtin models are builtin:small and builtin:large"),
    "an unknown provider": (["--models", "opena:gpt-4o"], "perhaps you mean 'openai'"),
    "a missing key": (["--models", "openai:gpt-4o"], "set OPENAI_API_KEY, or use builtin:small"),
    "an unknown policy": (["--swap", "sometimes"], "use one of none, parallel@K"),
    "no samples": (["--samples", "0"], "samples"),
    "a plan that is not there": (["--plan", "nowhere.toml"], "cannot be read as a plan"),
    "a time that is no number": (["--timeout", "nan"], "give one in the range 1<=x"),
    "a time without end": (["--timeout", "inf"], "not in the range 1<=x"),
    "a Python that is not there": (["--python", "nowhere"], "give --python the path of an interpreter"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_bad_option_is_one_sentence_and_nothing_is_run(
    case: str, home: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    options, cure = BAD_OPTIONS[case]
    assert locate(home, *options) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("parcae: ")
    assert captured.err.count("\n") == 1
    assert cure in captured.err


def test_no_attempts_in_the_settings_are_refused_by_a_dry_run_too(
    home: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCAE_SAMPLES", "0")
    assert run(["locate", EXAMPLE, TEST, "--home", home, "--dry-run"]) == 2
    assert "`samples` must be 1 or more, not 0" in capsys.readouterr().err


def test_a_missing_repository_and_a_passing_test_are_said_in_json_too(home: str, capsys: Captured) -> None:
    assert locate(home, "--json", repo="/nowhere") == 2
    assert "does not exist" in json.loads(capsys.readouterr().out)["error"]
    assert locate(home, "--json", test="tests/test_ledger.py::test_opening_balance") == 2
    said = json.loads(capsys.readouterr().out)
    assert said["exit_code"] == 2
    assert "passes; name a test that fails" in said["error"]


# ---- in a process of its own


@contextmanager
def process(home: str, *more: str, before: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    command = [*before, sys.executable, "-m", "parcae", "locate", EXAMPLE, TEST, "--home", home, "--json", *more]
    env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def test_the_main_job_needs_no_network(home: str) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        missing("unshare")
    closed = (str(unshare), "--net") if os.getuid() == 0 else (str(unshare), "--net", "--map-root-user")
    samples = ("--samples", "3", "--swap", "parallel@4", "--budget", "0.5")
    with process(home, *samples, before=closed) as child:
        out, err = child.communicate(timeout=150)
    assert child.returncode == 0, err
    assert json.loads(out)["suspects"]


@pytest.mark.parametrize("begun", ["*", "journal.sqlite-wal"])  # the journal is being opened; the test is being run
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_winds_up_and_twice_stops(times: int, begun: str, home: str) -> None:
    journal = Path(home) / "journal.sqlite"
    with process(home, "--samples", "200", "--models", "builtin:large", "--budget", "50") as child:
        while child.poll() is None and not any(Path(home).glob(begun)):
            pass
        for _ in range(times):
            child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=100)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    document = json.loads(out)
    assert document.get("status", "cancelled") == "cancelled"
    assert journal.parent.exists()
