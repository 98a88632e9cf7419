"""`parcae repair` as a user runs it: a document that its schema describes, and the user's files as they were."""

from __future__ import annotations

import json
import venv
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.conftest import ROOT, missing

from parcae.cli.main import run
from parcae.tools.bubblewrap import trouble

SCHEMA = json.loads((ROOT / "docs/schemas/repair-1.json").read_text())
TEST = "tests/test_people.py::test_old"
FILES = {
    "people.py": "def older(age, limit):\n    return age < limit\n",
    "tests/test_people.py": "from people import older\n\n\ndef test_old():\n    assert older(9, 3)\n\n\n"
    "def test_young():\n    assert not older(9, 9)\n",
}
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    for name, text in FILES.items():
        file = tmp_path / "repo" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    venv.create(tmp_path / "bare", with_pip=False)
    return tmp_path / "repo"


def repair(repo: Path, *more: str) -> int:
    home, python = str(repo.parent / "home"), str(repo.parent / "bare/bin/python")
    models = ["--models", "builtin:large", "--samples", "2"]
    return run(["repair", str(repo), TEST, "--home", home, "--python", python, *models, "--quiet", *more])


def test_the_document_is_as_its_schema_says_and_files_change_only_when_asked(repo: Path, capsys: Captured) -> None:
    assert repair(repo, "--json") == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["status"] == "done" and document["patches"][0]["plausible"] and document["written"] == []
    assert (repo / "people.py").read_text() == FILES["people.py"]
    assert repair(repo, "--json", "--apply") == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["written"] == ["people.py"]
    assert (repo / "people.py").read_text() != FILES["people.py"]


def test_form_feeds_and_a_mark_of_byte_order_are_kept_and_move_no_line(repo: Path, capsys: Captured) -> None:
    before = "\ufeffSIGN = '\u2028'\n\x0c\n" + FILES["people.py"]
    (repo / "people.py").write_text(before)
    assert repair(repo, "--json", "--apply") == 0
    patch = json.loads(capsys.readouterr().out)["patches"][0]["diff"]
    assert "No newline" not in patch
    after = (repo / "people.py").read_text()
    assert [a != b for a, b in zip(before.split("\n"), after.split("\n"), strict=True)].count(True) == 1


def test_a_test_that_passes_is_refused_with_the_cure(repo: Path, capsys: Captured) -> None:
    (repo / "people.py").write_text(FILES["people.py"].replace("<", ">"))
    assert repair(repo, "--json") == 2
    captured = capsys.readouterr()
    assert "passes" in captured.out + captured.err
