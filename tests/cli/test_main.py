from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from parcae.cli.main import COMMANDS, parcae, run


def test_help_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)
    assert "130  interrupted" in text


def test_an_unknown_option_is_one_sentence_and_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--nonsense"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("parcae: ") and captured.err.count("\n") == 1


def test_an_error_under_json_is_json(capsys: pytest.CaptureFixture[str], tmp_path: object) -> None:
    assert run(["config", "show", "--json", "--nonsense"]) == 2
    assert json.loads(capsys.readouterr().out)["schema"] == "parcae.error/1"


BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_full_disk_behind_the_output_is_one_sentence(more: list[str]) -> None:
    command = [sys.executable, "-m", "parcae", "config", "show", *more]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env=BUFFERED)
    assert ended.returncode == 2
    assert ended.stderr.startswith("parcae: ") and ended.stderr.count("\n") == 1


def test_who_stops_reading_ends_a_command_without_a_word() -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    command = [sys.executable, "-m", "parcae", "config", "show"]
    with os.fdopen(write_fd, "w") as nobody:
        ended = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, text=True, timeout=60, env=BUFFERED)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: parcae " + name in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_in_help_keep_their_lines(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = parcae.get_command(click.Context(parcae), name)
    below = list(command.commands) if isinstance(command, click.Group) else []
    for path in [[name], *([name, one] for one in below)]:
        assert run([*path, "--help"]) == 0
        text = capsys.readouterr().out
        assert "\\b" not in text
        assert all(line.rstrip().endswith(":") for line in text.splitlines() if "For example" in line)
