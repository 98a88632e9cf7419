"""Many versions of a file in one start of the sandbox: each verdict is what a run of its own would give."""

from __future__ import annotations

import venv
from pathlib import Path

import pytest
from tests.conftest import missing

from parcae.tools.bubblewrap import trouble
from parcae.tools.plain_pytest import run_versions
from parcae.tools.project_python import choose_python
from parcae.tools.sandbox import find_sandbox

RIGHT = "import rates\n\nrates.SEEN.append(1)\n\n\ndef net(gross):\n    return gross - gross * rates.RATE // 100\n"
FILES = {
    "rates.py": "RATE = 10\nSEEN = []\n",
    "price.py": RIGHT.replace("-", "+"),
    "test_price.py": "import price, rates\n\n\ndef test_net():\n    assert price.net(50) == 45 and rates.SEEN == [1]\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    (tmp_path / "project").mkdir()
    for name, text in FILES.items():
        (tmp_path / "project" / name).write_text(text)
    venv.create(tmp_path / "bare", with_pip=False)
    return tmp_path / "project"


async def tried(folder: Path, path: str, *versions: str) -> list[bool]:
    verdicts = await first_of(folder, path, *([version] for version in versions))
    return [verdicts[version] for version in versions]


async def first_of(folder: Path, path: str, *orders: list[str]) -> dict[str, bool]:
    return await run_versions(
        folder,
        "test_price.py::test_net",
        path,
        orders,
        at=folder,
        python=choose_python(folder, folder.parent / "bare/bin/python", {}),
        sandbox=find_sandbox(False),
        timeout_seconds=20.0,
        cpu_seconds=1,
    )


async def test_versions_know_nothing_of_each_other_and_a_loop_ends(folder: Path) -> None:
    wrong, loops, broken = FILES["price.py"], f"{RIGHT}\nwhile True:\n    pass\n", "def net(:\n"
    changes_another = f"{RIGHT}\nrates.RATE = 20\n"
    again, once_more = f"{RIGHT}# again\n", f"{RIGHT}# once more\n"
    verdicts = await tried(folder, "price.py", RIGHT, wrong, loops, again, broken, changes_another, once_more)
    assert verdicts == [True, False, False, True, False, False, True]
    assert {one.name: one.read_text() for one in folder.glob("*.py")} == FILES


async def test_the_modules_that_use_the_changed_one_see_each_version(folder: Path) -> None:
    (folder / "price.py").write_text(RIGHT)
    other = FILES["rates.py"].replace("10", "20")
    assert await tried(folder, "rates.py", FILES["rates.py"], other, FILES["rates.py"]) == [True, False, True]


async def test_what_a_version_writes_over_other_files_is_not_taken_from_memory(folder: Path) -> None:
    writes = f"open('rates.py', 'w').write('RATE = 20\\nSEEN = []\\n')\n{FILES['price.py']}"
    assert await tried(folder, "price.py", RIGHT, writes, f"{RIGHT}\n") == [True, False, False]


async def test_an_order_is_run_until_it_passes_and_what_orders_have_in_common_once(folder: Path) -> None:
    wrong, other, unreached = FILES["price.py"], f"{FILES['price.py']}# other\n", f"{RIGHT}# unreached\n"
    verdicts = await first_of(folder, "price.py", [wrong, RIGHT, unreached], [other, wrong], [RIGHT, unreached])
    assert verdicts == {wrong: False, RIGHT: True, other: False}


async def test_a_project_whose_conftest_has_loaded_it_is_loaded_anew_for_each_version(folder: Path) -> None:
    (folder / "conftest.py").write_text("import price\n")
    assert await tried(folder, "price.py", RIGHT, FILES["price.py"], f"{RIGHT}\n") == [True, False, True]
