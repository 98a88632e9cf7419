"""The example that ships: its fingerprint, and what may run without a sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.conftest import ROOT

from parcae.cli import bundled, locate_run
from parcae.cli.settings import settle
from parcae.core.errors import SandboxFailed
from parcae.tools import sandbox

EXAMPLE = ROOT / "examples" / "ledgerbook"


def no_walls(no_sandbox: bool) -> sandbox.Sandbox:
    if no_sandbox:
        return sandbox.find_sandbox(True)
    raise SandboxFailed("no sandbox", "install bubblewrap")


def test_the_example_is_known_by_its_fingerprint() -> None:
    assert bundled.fingerprint(EXAMPLE) == bundled.FINGERPRINT
    assert bundled.is_bundled(EXAMPLE)


def test_a_changed_copy_is_not_the_example(tmp_path: Path) -> None:
    copy = tmp_path / "ledgerbook"
    shutil.copytree(EXAMPLE, copy)
    assert bundled.is_bundled(copy)
    (copy / "tests" / "conftest.py").write_text("import os\n")
    assert not bundled.is_bundled(copy)


def test_only_the_example_runs_without_walls_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate_run, "find_sandbox", no_walls)  # a machine without bubblewrap
    settings = settle({}, env={}, project=tmp_path)
    chosen, notes = locate_run.sandbox_for(EXAMPLE, settings)
    assert not chosen.contained
    assert "install the package bubblewrap" in notes[0]
    with pytest.raises(SandboxFailed):
        locate_run.sandbox_for(tmp_path, settings)
