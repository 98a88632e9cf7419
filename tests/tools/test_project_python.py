"""What of the disk a project's Python may show to its tests."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from parcae.tools.project_python import choose_python


def environment(repo: Path, home: Path) -> None:
    (repo / ".venv/bin").mkdir(parents=True)
    (repo / ".venv/bin/python").symlink_to(Path(sys.executable).resolve())
    (repo / ".venv/pyvenv.cfg").write_text(f"home = {home}\n")


@pytest.mark.parametrize("linked", [False, True])
def test_an_environment_in_a_project_opens_no_folder_that_holds_no_python(tmp_path: Path, linked: bool) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/link").symlink_to(tmp_path / "keys")
    environment(tmp_path / "repo", tmp_path / ("repo/link" if linked else "keys") / "bin")
    for folder in choose_python(tmp_path / "repo", None, {}).folders:
        assert not (tmp_path / "keys").is_relative_to(folder.resolve())


def test_an_environment_finds_the_installation_that_it_was_made_of(tmp_path: Path) -> None:
    venv.create(tmp_path / ".venv", with_pip=False)
    chosen = choose_python(tmp_path, None, {})
    library = Path(sys.base_prefix).resolve() / "lib"
    assert (tmp_path / ".venv") in chosen.folders
    assert library.is_relative_to("/usr") or any(library.is_relative_to(one.resolve()) for one in chosen.folders)
