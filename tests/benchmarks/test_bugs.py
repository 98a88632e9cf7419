from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest
from tests.conftest import missing

from parcae.benchmarks.bug import REPO, Bug, find_bugs, read_bug
from parcae.benchmarks.library_bugs import library_bugs
from parcae.benchmarks.project_bugs import project_bugs
from parcae.benchmarks.stdlib_copy import PACKAGE, redirected
from parcae.core.errors import CallerMistake
from parcae.tools.python_project import cover, run_suite
from parcae.tools.sandbox import Sandbox, find_sandbox


@pytest.fixture
def sandbox() -> Sandbox:
    if shutil.which("bwrap") is None:
        missing("bubblewrap")
    return find_sandbox(False)


async def build(count: int, seed: int, out: Path, sandbox: Sandbox) -> list[Bug]:
    return [bug async for bug in library_bugs(count, seed, out, sandbox=sandbox)]


def test_imports_lead_to_the_copies_and_lines_keep_their_numbers() -> None:
    source = "import re, sys\nfrom json.decoder import (\n    scanner)\nimport email.utils\n"
    source += "import json as j\nfrom _json import x\n"
    assert redirected(source, frozenset({"re", "json", "email"})).splitlines() == [
        f"from {PACKAGE} import re; import sys",
        f"from {PACKAGE}.json.decoder import (",
        "    scanner)",
        f"import {PACKAGE}.email.utils; from {PACKAGE} import email",
        f"from {PACKAGE} import json as j",
        f"from {PACKAGE}.no_accelerator import x",
    ]


@pytest.mark.timeout(600)
async def test_a_built_bug_has_one_failing_test_that_executes_its_culprit(tmp_path: Path, sandbox: Sandbox) -> None:
    bugs = await build(3, 5, tmp_path / "bugs", sandbox)
    assert [read_bug(folder) for folder in find_bugs(tmp_path / "bugs")] == bugs
    for bug in bugs:
        repo = tmp_path / "bugs" / bug.name / REPO
        suite = await run_suite(repo, sandbox=sandbox)
        assert suite.failed == (bug.test,) and suite.passed
        covered = await cover(repo, bug.test, sandbox=sandbox)
        culprit = covered.function(bug.culprit)
        assert culprit is not None and culprit.first_line <= bug.line <= culprit.end_line
        assert bug.after in (repo / bug.file).read_text().splitlines()[bug.line - 1] or "\n" in bug.after
        shown = ast.parse((repo / bug.test.partition("::")[0]).read_text())
        hidden = ast.parse((tmp_path / "bugs" / bug.name / bug.held_back).read_text())
        assert len(hidden.body) > len(shown.body)


PROJECT = {
    "shop/__init__.py": "",
    "shop/price.py": "def net(gross, rate):\n    return gross - gross * rate // 100\n\n\ndef total(prices, rate):\n"
    "    return sum(net(price, rate) for price in prices if price > 0)\n",
    "tests/test_shop.py": "from shop.price import total\n\n\ndef test_total():\n"
    "    assert total([100, 300, -5], 10) == 360\n",
}


def project(folder: Path, **files: str) -> Path:
    for name, text in {**PROJECT, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


async def test_a_project_of_one_s_own_is_broken_in_a_copy(tmp_path: Path, sandbox: Sandbox) -> None:
    shop = project(tmp_path / "shop")
    bugs = [bug async for bug in project_bugs(shop, 2, 1, tmp_path / "bugs", sandbox=sandbox)]
    assert {bug.culprit for bug in bugs} == {"shop.price.net", "shop.price.total"}
    assert (shop / "shop/price.py").read_text() == PROJECT["shop/price.py"]
    for bug in bugs:
        suite = await run_suite(tmp_path / "bugs" / bug.name / REPO, sandbox=sandbox)
        assert suite.failed == (bug.test,)


async def test_a_red_suite_is_no_ground_for_bugs(tmp_path: Path, sandbox: Sandbox) -> None:
    shop = project(tmp_path / "shop", **{"tests/test_red.py": "def test_red():\n    assert 0\n"})
    with pytest.raises(CallerMistake, match="suite is green"):
        [bug async for bug in project_bugs(shop, 1, 1, tmp_path / "bugs", sandbox=sandbox)]


def test_a_folder_without_bugs_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(CallerMistake, match="parcae bugs build"):
        find_bugs(tmp_path)
