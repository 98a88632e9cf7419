"""What a command could not write at its end, it refuses at its start."""

from __future__ import annotations

from pathlib import Path

import pytest

from parcae.cli.main import run

COMMANDS = (
    ["locate", "repo", "test", "--html"],
    ["repair", "repo", "test", "--html"],
    ["run", "a goal", "--html"],
    ["runs", "show", "some-run", "--html"],
    ["runs", "resume", "some-run", "--html"],
    ["allocate", "pipeline.toml", "--html"],
    ["allocate", "pipeline.toml", "--export"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(("place", "what"), [(".", "it is a folder"), ("/dev/null", "it is no regular file")])
def test_a_place_that_is_no_file_is_refused_before_any_work(
    command: list[str],
    place: str,
    what: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARCAE_HOME", str(tmp_path / "home"))
    assert run([*command, place]) == 2
    assert f"{place} cannot be written: {what}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
