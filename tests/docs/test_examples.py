"""Every command and every plan that the guides and pages show is run as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.conftest import ROOT, missing

from parcae.core.plan import parse, render

GUIDES = [ROOT / "docs/guide" / f"{name}.md" for name in ("allocate", "locate", "repair", "run", "plans")]
PAGES = [ROOT / "docs" / f"{name}.md" for name in ("index", "concepts", "money", "security")]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(file: Path, kind: str) -> list[str]:
    return [text for name, text in BLOCK.findall(file.read_text(encoding="utf-8")) if name == kind]


def commands(file: Path) -> list[str]:
    lines = [line for block in blocks(file, "console") for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("guide", [*GUIDES, *PAGES], ids=lambda guide: guide.stem)
def test_the_commands_of_a_guide_run_in_their_order(guide: Path, tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        missing("bubblewrap")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for command in commands(guide):
        program, *arguments = shlex.split(command)
        assert program == "parcae"
        done = subprocess.run(
            [sys.executable, "-m", "parcae", *arguments],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(folder), "PARCAE_HOME": str(folder / "home")}


@pytest.mark.parametrize("text", blocks(ROOT / "docs/guide/plans.md", "toml"))
def test_the_plans_of_a_guide_are_read_and_come_back(text: str) -> None:
    plan = parse(tomllib.loads(text))
    assert parse(tomllib.loads(render(plan))) == plan
