"""A survey that SIGKILL ended half way and that was resumed: the same report and the same files, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiments.organization.survey import claimed, counted, ended, files_of, killed, outcome_of, resumed, started

ROOT = Path(__file__).parents[2]
MODULES = 8
WANTED = ("abc", "ast", "bisect", "calendar", "csv", "heapq", "io", "queue", "random", "string", "uuid", "zlib")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Modules that all import the same names: in what order equals stand must not depend on the process."""
    folder = tmp_path / "project"
    folder.mkdir()
    for source in sorted((ROOT / "src/parcae/organization").glob("*.py"))[:MODULES]:
        (folder / source.name).write_text(f"{source.read_text()}\nimport {', '.join(WANTED)}\n")
    return folder


@pytest.mark.timeout(300)
def test_a_killed_and_resumed_survey_gives_the_same_report_and_files(project: Path, tmp_path: Path) -> None:
    few = ("--budget", "5", "--max-agents", "6", "--max-children", "3", "--concurrency", "4")
    whole = ended(started(project, tmp_path / "one", tmp_path / "whole", *few, sets=1))
    assert (whole["status"], whole["agents"], whole["incidents"]) == ("done", MODULES + 2, [])
    assert claimed((tmp_path / "whole/REPORT.md").read_text()) == counted(project)

    process = started(project, tmp_path / "other", tmp_path / "resumed", *few, sets=2)
    run = killed(process, tmp_path / "other", MODULES // 2)
    again = resumed(run, tmp_path / "other", tmp_path / "resumed", sets=3)

    assert outcome_of(again) == outcome_of(whole)
    assert files_of(tmp_path / "resumed") == files_of(tmp_path / "whole")
