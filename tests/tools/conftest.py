"""Projects to run tests in, and the sandbox of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.conftest import missing

from parcae.tools.bubblewrap import trouble
from parcae.tools.sandbox import Sandbox, find_sandbox

Project = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def walls() -> Sandbox:
    """bubblewrap."""
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    return find_sandbox(False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Writes a project: file names to texts."""

    def write(files: Mapping[str, str]) -> Path:
        repo = tmp_path / "project"
        for name, text in files.items():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).write_text(text, encoding="utf-8")
        return repo

    return write
