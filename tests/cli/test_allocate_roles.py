"""`parcae allocate --from-runs`: past runs of an organisation say which model each role gets, and what is not known."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import jsonschema
import pytest
from tests.cli.test_run import told
from tests.conftest import ROOT
from tests.organization.scripts import ModelResponse, Script, Seen, boss_of, call, say, together

from parcae.cli import session
from parcae.cli.main import run
from parcae.core.usage import Price
from parcae.models.scripted import ScriptedModel
from parcae.testing.employees import employees

WEAK, STRONG = "builtin:small", "builtin:large"  # names that have a card; the scripted ones speak in their place
PRICES = {WEAK: Price(prompt_usd=1.0, completion_usd=2.0), STRONG: Price(prompt_usd=10.0, completion_usd=20.0)}
SCHEMA = json.loads((ROOT / "docs/schemas/allocate-1.json").read_text(encoding="utf-8"))
Captured = pytest.CaptureFixture[str]
Runs = Callable[..., dict]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two small projects, of which the second has a module more."""
    found = []
    for number in (1, 2):
        folder = tmp_path / f"project-{number}"
        folder.mkdir()
        for name in ("one", "two", "three")[: number + 1]:
            (folder / f"{name}.py").write_text(f'"""Module {name}."""\n\n\ndef {name}(x):\n    return x or {number}\n')
        found.append(folder)
    return found


@pytest.fixture
def runs(tmp_path: Path, capsys: Captured) -> Runs:
    """Runs a command with a home of its own; gives its document."""

    def told_by(*arguments: str, code: int = 0) -> dict:
        got, document = told(capsys, *arguments, "--home", str(tmp_path / "home"))
        assert got == code, document
        return document

    return told_by


def survey(folder: Path, *flags: str) -> tuple[str, ...]:
    return ("run", "Survey this code base", "--workspace", str(folder), "--budget", "5", *flags)


def test_what_small_models_do_as_well_costs_less_and_its_plan_runs(
    folders: list[Path], tmp_path: Path, runs: Runs, capsys: Captured
) -> None:
    recorded = [
        runs(*survey(folder, "--models", model, "--check", "exists:REPORT.md"))
        for folder in folders
        for model in (WEAK, STRONG)
    ]
    plan, page = tmp_path / "roles.toml", tmp_path / "page.html"

    found = runs("allocate", "--from-runs", "--export", str(plan), "--html", str(page))

    jsonschema.validate(found, SCHEMA)
    assert found["best"]["stages"] == {role: {"model": WEAK, "samples": 1} for role in ("boss", "admin", "agent")}
    assert (found["best"]["score"], found["best"]["items"], found["calls"]) == (1.0, 2, 0)
    costs = [report["cost_usd"] for report in recorded if WEAK in report["by_model"]]
    assert found["best"]["cost"] == pytest.approx(sum(costs) / 2)
    assert not found["guarantee"]["reached"] and found["guarantee"]["more_items"] > 50
    assert "<svg" in page.read_text() and "builtin:small" in page.read_text()
    assert run(["runs", "list", "--home", str(tmp_path / "home")]) == 0
    assert found["run"] in capsys.readouterr().out

    report = runs(*survey(folders[0], "--plan", str(plan)))
    assert report["status"] == "done"
    assert {tuple(one["models"]) for one in report["by_agent"]} == {(WEAK,)}

    named = runs("allocate", "--from-runs", *(one["run"] for one in recorded))
    assert named["best"] == found["best"]


def test_a_model_that_never_served_is_refused_with_the_command_that_records_it(
    folders: list[Path], tmp_path: Path, runs: Runs
) -> None:
    for folder in folders:
        runs(*survey(folder, "--models", WEAK))
    asked = ("allocate", "--from-runs", "--models", f"{WEAK},{STRONG}")
    for _ in folders:
        error = runs(*asked, code=2)["error"]
        assert f"{STRONG} never served as admin" in error
        command = re.search(r"`parcae (run .*?)`", error)
        assert command is not None
        runs(*shlex.split(command[1]), "--budget", "5")
    found = runs(*asked)
    assert found["best"]["stages"]["agent"]["model"] == WEAK
    assert any(note.startswith("boss keeps builtin:") and "no verdict on" in note for note in found["notes"])


# ---- roles that differ, by script


def rough(seen: Seen) -> ModelResponse:
    """Its first word on ants is rough; it mends it when it is told so."""
    word = seen.task.split()[-1].strip(".")
    return call("hand_in", summary="rough" if word == "ant" and "rough" not in seen.letters else f"about {word}")


def strict_boss(seen: Seen) -> ModelResponse:
    if seen.waiting and not seen.replies:
        results = seen.section("Results that wait for your review")
        verdicts = [
            call("review", name=name, verdict="reject", reasons="rough")
            if f"- {name}: rough" in results
            else call("review", name=name, verdict="accept")
            for name in seen.waiting
        ]
        return together(*verdicts, call("wait"))
    return boss_of("ant", "bee")(seen)


def good(seen: Seen) -> ModelResponse:
    return call("hand_in", summary=f"about {seen.task.split()[-1].strip('.')}")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, Script]], None]:
    """Lets the writers of each model follow the script that is given for it."""

    def employ(writers: Mapping[str, Script]) -> None:
        team: dict[str, ScriptedModel] = {
            name: employees(name, {"boss": strict_boss, "writer": script}, price=PRICES[name])
            for name, script in writers.items()
        }
        monkeypatch.setattr(session, "opener", lambda settled, learnt=None: lambda name: team[name])

    return employ


def write(folder: Path, *flags: str) -> tuple[str, ...]:
    return ("run", "Write it", "--workspace", str(folder), "--no-commands", *flags)


def test_each_role_gets_the_model_that_pays_under_the_budget(
    folders: list[Path], tmp_path: Path, runs: Runs, scripted: Callable[[Mapping[str, Script]], None]
) -> None:
    scripted({WEAK: rough, STRONG: good})
    for folder in folders:
        for model in (WEAK, STRONG):
            runs("outcome", runs(*write(folder, "--models", model))["run"], "success")
    plan = tmp_path / "roles.toml"

    free = runs("allocate", "--from-runs", "--export", str(plan))

    assert {role: one["model"] for role, one in free["best"]["stages"].items()} == {"boss": WEAK, "admin": STRONG}
    assert free["best"]["score"] == 1.0
    assert {one["stage"]: one["score"] for one in free["stage_scores"]} == {"boss": 1.0, "admin": 1.0}
    assert [one["score"] for one in free["frontier"]] == [0.5, 1.0]
    assert any("8 by review, 4 by user" in note for note in free["notes"])

    cheapest = free["frontier"][0]["cost"]
    tight = runs("allocate", "--from-runs", "--item-budget", str(cheapest * 1.01))
    assert {role: one["model"] for role, one in tight["best"]["stages"].items()} == {"boss": WEAK, "admin": WEAK}
    error = runs("allocate", "--from-runs", "--item-budget", str(cheapest / 2), code=2)["error"]
    assert "raise the budget" in error

    report = runs(*write(folders[0], "--plan", str(plan)))
    models = {one["name"]: one["models"] for one in report["by_agent"]}
    assert models == {"boss": [WEAK], "writer-ant": [STRONG], "writer-bee": [STRONG]}
    assert all(one["accepted"] for one in report["reviews"])


def test_who_was_swapped_did_not_do_it_and_who_learns_changes_nothing(
    folders: list[Path], runs: Runs, scripted: Callable[[Mapping[str, Script]], None]
) -> None:
    scripted({WEAK: lambda seen: say("Hm."), STRONG: good})
    for folder in folders:
        runs(*write(folder, "--models", f"{WEAK},{STRONG}", "--learn"))  # the weak one is swapped for the strong
        runs(*write(folder, "--models", STRONG))
    found = runs("allocate", "--from-runs")
    assert found["best"]["stages"]["admin"]["model"] == STRONG
    assert any("4 by monitors" in note for note in found["notes"])
    weak_alone = runs("allocate", "--from-runs", "--models", WEAK)
    assert weak_alone["best"]["score"] == 0.0


def test_results_of_several_attempts_are_left_out_and_said(folders: list[Path], tmp_path: Path, runs: Runs) -> None:
    plan = tmp_path / "twice.toml"
    plan.write_text(f'[default]\nladder = ["{WEAK}"]\n[stages.agent]\nladder = ["{WEAK}"]\nattempts = 2\n')
    for folder in folders:
        runs(*survey(folder, "--plan", str(plan)))
    found = runs("allocate", "--from-runs")
    assert "left out: 5 done in several attempts" in found["notes"]
    assert any(note.startswith(f"agent keeps {WEAK}") for note in found["notes"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--from-runs"], "run `parcae run GOAL` first"),
        (["--from-runs", "run-none"], "there is no run 'run-none' of `parcae run`"),
        (["--from-runs", "--max-calls", "3"], "--max-calls means nothing with --from-runs"),
        ([], "name one TOML file, or take past runs with --from-runs"),
        (["a.toml", "b.toml"], "2 pipelines were named"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_cure(arguments: list[str], sentence: str, runs: Runs) -> None:
    assert sentence in runs("allocate", *arguments, code=2)["error"]


def test_one_goal_is_too_few_and_the_cure_names_what_to_do(folders: list[Path], runs: Runs) -> None:
    for model in (WEAK, STRONG):
        runs(*survey(folders[0], "--models", model))
    assert "run another goal" in runs("allocate", "--from-runs", code=2)["error"]
