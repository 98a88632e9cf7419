"""The commands about runs, as people and scripts call them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import jsonschema
import pytest
from tests.store.test_runs import work

from parcae.cli.main import run
from parcae.store.sqlite import SqliteJournal

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path) -> str:
    async def fill() -> None:
        async with SqliteJournal.open(tmp_path / "home" / "journal.sqlite") as journal:
            await work(journal, "whole")
            await work(journal, "cut", steps=2)

    asyncio.run(fill())
    return str(tmp_path / "home")


def documented(capsys: Capture) -> dict[str, object]:
    """What was printed, checked against the published schema that it names."""
    document = json.loads(capsys.readouterr().out)
    name, _, version = document["schema"].removeprefix("parcae.").partition("/")
    schema = json.loads((SCHEMAS / f"{name}-{version}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    assert isinstance(document, dict)
    return document


def test_runs_are_listed_newest_first(home: str, capsys: Capture) -> None:
    assert run(["runs", "list", "--home", home]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("cut ") and "unfinished" in lines[0]
    assert lines[1].startswith("whole ") and "done" in lines[1]
    assert run(["runs", "list", "--home", home, "--json", "--status", "done"]) == 0
    [only] = documented(capsys)["runs"]  # type: ignore[misc]  # the schema says that it is a list
    assert only["run"] == "whole"


def test_a_home_that_is_not_there_has_no_runs_and_is_not_made(tmp_path: Path, capsys: Capture) -> None:
    assert run(["runs", "list", "--home", str(tmp_path / "none"), "--json"]) == 0
    assert documented(capsys)["runs"] == []
    assert not (tmp_path / "none").exists()


def test_a_run_of_any_command_is_shown_at_a_glance(home: str, capsys: Capture) -> None:
    assert run(["runs", "show", "whole", "--home", home, "--json"]) == 0
    assert documented(capsys)["status"] == "done"
    assert run(["runs", "show", "whole", "--home", home]) == 0
    assert "5 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs", "show", "nobody"],
        ["runs", "resume", "nobody"],
        ["runs", "export", "nobody"],
        ["runs", "delete", "nobody", "--yes"],
        ["outcome", "nobody", "success"],
    ],
)
def test_a_run_that_is_not_there_is_one_sentence(arguments: list[str], home: str, capsys: Capture) -> None:
    assert run([*arguments, "--home", home]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "parcae: there is no run 'nobody'; see `parcae runs list`\n"


def test_a_run_that_cannot_be_resumed_here_says_how(home: str, capsys: Capture) -> None:
    assert run(["runs", "resume", "cut", "--home", home, "--json"]) == 2
    assert "resume it with that command" in str(documented(capsys)["error"])


def test_export_import_and_verdict(home: str, tmp_path: Path, capsys: Capture) -> None:
    file, elsewhere = tmp_path / "run.jsonl", str(tmp_path / "elsewhere")
    assert run(["runs", "export", "whole", "--home", home, "--out", str(file)]) == 0
    assert run(["runs", "export", "whole", "--home", home]) == 0
    assert capsys.readouterr().out == file.read_text()
    for line in file.read_text().splitlines()[:1]:
        jsonschema.validate(json.loads(line), json.loads((SCHEMAS / "run-1.json").read_text()))
    assert run(["runs", "import", str(file), "--home", elsewhere, "--as", "again", "--json"]) == 0
    assert documented(capsys)["run"] == "again"
    assert run(["outcome", "again", "failure", "--home", elsewhere, "--json"]) == 0
    assert documented(capsys)["success"] is False
    assert run(["runs", "show", "again", "--home", elsewhere, "--json"]) == 0
    assert documented(capsys)["right"] is False


def test_what_cannot_be_read_or_written_is_said(home: str, tmp_path: Path, capsys: Capture) -> None:
    assert run(["runs", "import", str(tmp_path / "none"), "--home", home]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert run(["runs", "export", "whole", "--home", home, "--out", str(tmp_path / "no" / "x")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_deleting_asks_and_nobody_there_means_no(home: str, capsys: Capture) -> None:
    assert run(["runs", "delete", "cut", "--home", home]) == 2
    assert "--yes" in capsys.readouterr().err
    assert run(["runs", "delete", "cut", "--home", home, "--yes", "--json"]) == 0
    assert documented(capsys)["runs"] == ["cut"]
    assert run(["runs", "list", "--home", home, "--json"]) == 0
    assert [one["run"] for one in documented(capsys)["runs"]] == ["whole"]  # type: ignore[attr-defined]  # a list


def test_pruning_keeps_what_is_unfinished_unless_it_is_named(home: str, capsys: Capture) -> None:
    assert run(["runs", "prune", "--older-than", "1", "--home", home, "--dry-run", "--json"]) == 0
    assert documented(capsys)["runs"] == []
    assert run(["runs", "prune", "--older-than", "0", "--home", home, "--dry-run", "--json"]) == 0
    assert documented(capsys)["runs"] == ["whole"]
    assert run(["runs", "prune", "--older-than", "0", "--home", home, "--yes", "--json"]) == 0
    assert documented(capsys)["runs"] == ["whole"]
    assert run(["runs", "prune", "--older-than", "0", "--status", "unfinished", "--home", home, "--yes", "--json"]) == 0
    assert documented(capsys)["runs"] == ["cut"]


def test_a_damaged_journal_has_its_exit_code_and_its_cure(home: str, capsys: Capture) -> None:
    file = Path(home) / "journal.sqlite"
    file.write_bytes(file.read_bytes()[:5000] + b"\xff" * 9000)
    assert run(["runs", "list", "--home", home]) == 6
    assert "parcae runs salvage" in capsys.readouterr().err
    assert run(["doctor", "--home", home]) == 6
    assert "damaged" in capsys.readouterr().out


def test_what_can_be_read_of_a_journal_is_saved(home: str, capsys: Capture) -> None:
    assert run(["runs", "salvage", "--home", home, "--json"]) == 0
    assert documented(capsys)["lost"] == 0
    assert run(["runs", "show", "whole", "--home", home]) == 0
