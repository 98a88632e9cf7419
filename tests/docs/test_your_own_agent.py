"""The agent of the guide is run as a reader would run it: its blocks in one file, under the shipped contract suite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

GUIDE = ROOT / "docs/guide/your-own-agent.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BASKET = '\n\nasync def test_basket() -> None:\n    assert await basket() == ("5.70",)\n'


def test_the_agent_of_the_guide_keeps_the_contract_and_is_sampled(tmp_path: Path) -> None:
    file = tmp_path / "test_shopkeeper.py"
    file.write_text("\n".join(BLOCK.findall(GUIDE.read_text(encoding="utf-8"))) + BASKET, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file.name],
        cwd=tmp_path,
        env={name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "HOME") if name in os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout


def test_the_agent_of_the_guide_is_about_forty_lines() -> None:
    agent = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))[0]
    assert sum(bool(line.strip()) for line in agent.splitlines()) <= 40
