"""What passed and what failed, whatever the tests say meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from parcae.tools.plain_pytest import PlainRun, run_plain
from parcae.tools.project_python import choose_python
from parcae.tools.sandbox import Sandbox

LOUD = """
import logging
import pytest

def test_logs():
    logging.error("no connection")
    print("FAILED test_odd.py::test_other - as expected")

def test_fails():
    print("PASSED test_odd.py::test_fails")
    assert False

@pytest.mark.parametrize("way", ["a - b", "a - c"])
def test_ways(way):
    assert way == "a - b"

@pytest.fixture
def broken():
    raise OSError

def test_errs(broken):
    pass

@pytest.mark.skip
def test_skipped():
    pass
"""
MUCH = "def test_much():\n    for _ in range(400):\n        print('x' * 10_000)\n"
LEFT = "import os\n\ndef test_leaves():\n    os._exit(0)\n"


async def ran(folder: Path, walls: Sandbox, text: str) -> PlainRun:
    (folder / "test_odd.py").write_text(text)
    python = choose_python(folder, None, {})
    return await run_plain(folder, ".", at=folder, python=python, sandbox=walls, timeout_seconds=60)


async def test_what_tests_print_and_log_is_no_outcome(walls: Sandbox, tmp_path: Path) -> None:
    run = await ran(tmp_path, walls, LOUD)
    assert run.passed == {"test_odd.py::test_logs", "test_odd.py::test_ways[a - b]"}
    assert run.failed == {f"test_odd.py::test_{name}" for name in ("fails", "errs", "ways[a - c]")}


async def test_outcomes_are_known_however_much_was_printed(walls: Sandbox, tmp_path: Path) -> None:
    assert (await ran(tmp_path, walls, MUCH)).passed == {"test_odd.py::test_much"}


@pytest.mark.parametrize("text", [LEFT, "def test_x(:\n"])
async def test_who_leaves_early_or_cannot_be_read_has_not_passed(walls: Sandbox, tmp_path: Path, text: str) -> None:
    assert not (await ran(tmp_path, walls, text)).passed
