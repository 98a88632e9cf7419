"""Where `parcae run` puts what was made, for every kind of folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.test_run import told
from tests.workspace.test_branch import git
from tests.workspace.test_repository import WHO, shell

Survey = Callable[..., dict]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "mod.py").write_text("def f():\n    return 1\n")
    return folder


@pytest.fixture
def survey(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Survey:
    def run(*flags: str, command: tuple[str, ...] = ("run", "Survey this code base")) -> dict:
        given = (
            ["--models", "builtin:large", "--workspace", str(project), "--budget", "5"] if command[0] == "run" else []
        )
        code, report = told(capsys, *command, *given, "--home", str(tmp_path / "home"), *flags)
        assert code == 0
        return report

    return run


def files(folder: Path) -> set[str]:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith(".git/")}


def committed(project: Path) -> None:
    git(project, "init", "-q", "-b", "main")
    git(project, "add", "-A")
    git(project, *WHO, "commit", "-qm", "mine")


def test_a_plain_folder_is_not_touched_and_the_files_lie_in_the_home(
    project: Path, tmp_path: Path, survey: Survey
) -> None:
    report = survey()
    assert files(project) == {"mod.py"}
    where = Path(report["where"])
    assert where.is_relative_to(tmp_path / "home")
    assert files(where) == {one["path"] for one in report["files"]} >= {"REPORT.md"}
    shell(report["merge"])
    assert (project / "REPORT.md").read_text() == (where / "REPORT.md").read_text()


def test_deleting_a_run_removes_its_copies_and_leaves_worktrees(project: Path, tmp_path: Path, survey: Survey) -> None:
    plain = survey()
    copies = Path(plain["where"]).parent
    survey("--yes", command=("runs", "delete", plain["run"]))
    assert list(copies.iterdir()) == []
    committed(project)
    (project / "mod.py").write_text("")
    report = survey()
    survey("--yes", command=("runs", "delete", report["run"]))
    assert (Path(report["where"]) / "REPORT.md").exists()


def test_apply_writes_what_was_made_into_a_plain_folder(project: Path, survey: Survey) -> None:
    report = survey("--apply")
    assert files(project) == {"mod.py", *(one["path"] for one in report["files"])}
    assert (report["where"], report["merge"]) == (str(project), "")


def test_out_gets_the_whole_result_and_must_be_new(
    project: Path, tmp_path: Path, survey: Survey, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    report = survey("--out", str(out))
    assert files(project) == {"mod.py"}
    assert files(out) == {"mod.py", *(one["path"] for one in report["files"])}
    code, error = told(capsys, "run", "x", "--out", str(out), "--home", str(tmp_path / "home"))
    assert (code, error["error"].partition(";")[0]) == (2, f"--out {out} is not an empty folder")


def test_a_resumed_run_takes_out_and_apply_as_a_new_one_does(
    project: Path, tmp_path: Path, survey: Survey, capsys: pytest.CaptureFixture[str]
) -> None:
    report, out = survey(), tmp_path / "out"
    resume = ("runs", "resume", report["run"])
    made = {"mod.py", *(one["path"] for one in report["files"])}
    assert survey("--out", str(out), command=resume)["where"] == str(out)
    assert files(out) == made
    code, error = told(capsys, *resume, "--out", str(out), "--home", str(tmp_path / "home"))
    assert (code, error["error"].partition(";")[0]) == (2, f"--out {out} is not an empty folder")
    assert files(project) == {"mod.py"}
    assert survey("--apply", command=resume)["where"] == str(project)
    assert files(project) == made


def test_uncommitted_work_stays_and_the_branch_lies_in_a_worktree(
    project: Path, tmp_path: Path, survey: Survey
) -> None:
    committed(project)
    (project / "mod.py").write_text("def f():\n    return 2\n")
    report = survey()
    assert git(project, "status", "--porcelain").split() == ["M", "mod.py"]
    where = Path(report["where"])
    assert where.is_relative_to(tmp_path / "home")
    assert git(where, "rev-parse", "--abbrev-ref", "HEAD").strip() == f"parcae/{report['run']}"
    assert git(where, "status", "--porcelain") == ""
    assert (where / "mod.py").read_text().endswith("return 1\n")
    assert survey(command=("runs", "resume", report["run"]))["where"] == str(where)
    shell(report["merge"])
    assert (project / "REPORT.md").exists()
    assert (project / "mod.py").read_text().endswith("return 2\n")


def test_a_clean_repository_gets_a_branch_and_a_command(project: Path, survey: Survey) -> None:
    committed(project)
    report = survey()
    assert git(project, "status", "--porcelain") == ""
    assert report["where"] is None
    shell(report["merge"])
    assert (project / "REPORT.md").exists()
