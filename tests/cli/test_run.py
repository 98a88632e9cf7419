"""`parcae run` from the command line, on a real folder, with models that need no key."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from parcae.cli.main import run
from parcae.cli.run_show import show_company
from parcae.organization.report import RunReport, Single, Worked

ROOT = Path(__file__).parents[2]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    code = run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for source in sorted((ROOT / "src/parcae/core").glob("*.py")):
        target = folder / "core" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    return folder


def test_a_survey_runs_without_a_key_and_agrees_with_ast(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(tmp_path / "home")
    arguments = ["--models", "builtin:large", "--workspace", str(project), "--home", home, "--budget", "5"]

    code, report = told(capsys, "run", "Survey this code base", *arguments)

    modules = sorted(project.rglob("*.py"))
    assert (code, report["status"]) == (0, "done")
    jsonschema.validate(report, json.loads((ROOT / "docs/schemas/run-report-1.json").read_text()))
    assert report["agents"] == len(modules) + 2
    assert report["depth"] == 3
    assert 0 < report["cost_usd"] < 5
    assert report["incidents"] == []
    assert sum(one["accepted"] for one in report["reviews"]) == report["agents"]
    trees = [ast.parse(path.read_text()) for path in modules]
    functions = sum(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for tree in trees for node in ast.walk(tree)
    )
    assert f"{functions} functions" in report["answer"][0]

    name = report["run"]
    code, files = told(capsys, "runs", "files", name, "--home", home)
    assert {"path": "REPORT.md", "author": "boss"}.items() <= files["files"][0].items()
    code, lines = told(capsys, "runs", "blame", name, "REPORT.md", "--home", home)
    assert lines["lines"][0]["author"] == "boss"
    code, again = told(capsys, "runs", "resume", name, "--home", home)
    assert again["answer"] == report["answer"]
    assert again["cost_usd"] == report["cost_usd"]


def test_a_goal_that_builtin_models_cannot_reach_says_so(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(tmp_path / "home")
    code, report = told(
        capsys, "run", "Write a poem", "--models", "builtin:large", "--workspace", str(project), "--home", home
    )
    assert (code, report["status"]) == (1, "failed")
    assert {one["detector"] for one in report["incidents"]} == {"silent"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", " ", "--models", "builtin:large"], "the goal is empty"),
        (["run", "x", "--models", "nonsense"], "nonsense"),
        (["run", "x", "--models", ""], "no model was named"),
        (["run", "x", "--workspace", __file__], "is a file"),
        (["runs", "files", "nothing"], "there is no run 'nothing'"),
        (["runs", "tell", "nothing", "pause"], "there is no run 'nothing'"),
    ],
)
def test_a_mistake_gives_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = told(capsys, *arguments, "--home", str(tmp_path / "home"))
    assert code == 2
    assert sentence in error["error"]


def test_a_dry_run_shows_ladders_and_worst_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, plan = told(
        capsys, "run", "x", "--dry-run", "--compare-single", "--models", "builtin:small,builtin:large", "--budget", "3"
    )
    assert code == 0
    assert plan["ladders"]["boss"] == ["builtin:small", "builtin:large"]
    assert plan["worst_case_usd"] == 6


def test_roles_run_on_a_plan_and_the_page_is_one_file(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, page = ROOT / "examples/plans/organisation.toml", tmp_path / "out" / "run.html"
    arguments = ["--plan", str(plan), "--workspace", str(project), "--home", str(tmp_path / "home")]

    code, report = told(capsys, "run", "Survey this code base", *arguments, "--html", str(page))

    assert (code, report["status"]) == (0, "done")
    jsonschema.validate(report, json.loads((ROOT / "docs/schemas/run-report-1.json").read_text()))
    models = {one["name"]: one["models"] for one in report["by_agent"]}
    assert models.pop("boss") == ["builtin:large"]
    assert {tuple(names) for names in models.values()} == {("builtin:small",)}
    readers = [one for one in report["decisions"] if one["who"].startswith("reader-")]
    assert {one["why"] for one in readers} == {"attempt 1 passes its checks"}
    assert "Survey this code base" in page.read_text()


def test_a_plan_with_a_policy_that_cannot_work_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[stages.worker]\nladder = ["builtin:small"]\npolicy = "parallel@4"\n')
    code, error = told(capsys, "run", "x", "--plan", str(plan), "--home", str(tmp_path / "home"))
    assert code == 2
    assert "the ladder holds one model" in error["error"]


def test_a_single_agent_stands_beside_the_organisation_with_result_cost_and_time(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same goal, once by a company and once by one agent alone: in the document, the terminal and the page."""
    monkeypatch.setenv("COLUMNS", "400")
    home, page = str(tmp_path / "home"), tmp_path / "run.html"
    arguments = ["--models", "builtin:large", "--workspace", str(project), "--home", home, "--budget", "5"]

    code, report = told(capsys, "run", "Survey this code base", *arguments, "--compare-single", "--html", str(page))

    assert (code, report["status"]) == (0, "done")
    jsonschema.validate(report, json.loads((ROOT / "docs/schemas/run-report-1.json").read_text()))
    single = report["single"]
    assert single["status"] == "done"
    modules = len(list(project.rglob("*.py")))
    for answer in (report["answer"][0], single["answer"][0]):
        assert f"{modules} modules" in answer
    assert 0 < report["cost_usd"] < 5 and 0 < single["cost_usd"] < 5
    both = report["cost_usd"] + single["cost_usd"]
    assert sum(one["cost_usd"] for one in report["by_model"].values()) == pytest.approx(both)
    assert report["seconds"] > 0 and single["seconds"] > 0 and single["steps"] > 1

    assert run(["runs", "show", report["run"], "--home", home]) == 0
    shown = capsys.readouterr().out.splitlines()
    rows = [line for line in shown if line.startswith(("the organisation", "one agent alone"))]
    for row, one in zip(rows, (report, single), strict=True):
        assert f"${one['cost_usd']:.4f}" in row and f"{one['seconds']:.1f}" in row and f"{modules} modules" in row
        assert f"${one['cost_usd']:.4f}</td><td>{one['seconds']:.1f}</td>" in page.read_text()


def test_brackets_of_an_agent_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """In a terminal's markup "[/x]" is an error and "[red]" vanishes."""
    said = "see [red]a[/x] b"
    one = Worked(
        name="boss", by="", role="r", task="t", status="done", depth=1, turns=1, steps=1, cost_usd=0.1, models=("m",),
        result=said,
    )  # fmt: skip
    report = RunReport(
        run="run-1", goal="g", status="done", detail="", answer=(said,), depth=1, cost_usd=0.1, seconds=1.0,
        employees=(one,), by_model={}, files=(), incidents=(), reviews=(),
        single=Single(status="done", cost_usd=0.1, steps=4, seconds=2.0, answer=(said,)),
    )  # fmt: skip
    show_company(report, console=Console(width=200))
    assert capsys.readouterr().out.count(said) == 4  # the answer, its table, and both of the comparison
