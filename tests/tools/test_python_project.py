"""A failing test is run for real: what it covers, which Python, what a project may bring, and every bad input."""

from __future__ import annotations

import sys
import textwrap
import venv
from pathlib import Path

import pytest
from tests.tools.conftest import Project

from parcae.core.errors import CallerMistake, LimitReached, ParcaeError
from parcae.tools.covered import Covered
from parcae.tools.project_python import choose_python
from parcae.tools.python_project import cover, spectrum
from parcae.tools.sandbox import Sandbox
from parcae.tools.unsandboxed import unsandboxed

SHOP = {
    "pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\n",
    "src/shop/__init__.py": "",
    "src/shop/basket.py": """
from shop.tax import Rate


def price(items):
    def one(item):
        return item + 1

    if not items:
        return 0
    return Rate(2).apply(sum(map(one, items)))


def unused():
    return 1
""",
    "src/shop/tax.py": """
class Rate:
    def __init__(self, percent):
        self.percent = percent

    @property
    def share(self):
        return self.percent / 100

    def apply(self, amount):
        return amount * (1 - self.share)
""",
    "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef items():\n    return [1, 2]\n",
    "tests/prices.txt": "7\n",
    "tests/test_price.py": """
from pathlib import Path

from shop.basket import price


def test_price(items):
    assert price(items) == int(Path(__file__).with_name("prices.txt").read_text())


def test_nothing_costs_nothing():
    assert price([]) == 0
""",
}
TEST = "tests/test_price.py::test_price"


async def covered(repo: Path, box: Sandbox, test: str = TEST, *, seconds: float = 60.0) -> Covered:
    return await cover(repo, test, python=Path(sys.executable), sandbox=box, timeout_seconds=seconds, environ={})


async def refused(repo: Path, box: Sandbox, test: str = TEST, *, seconds: float = 60.0) -> ParcaeError:
    with pytest.raises(ParcaeError) as error:
        await covered(repo, box, test, seconds=seconds)
    assert "\n" not in str(error.value)
    return error.value


async def test_what_a_test_executes_is_found_with_src_conftest_and_data_files(project: Project, walls: Sandbox) -> None:
    repo = project(SHOP)
    before = {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()}
    for box in (walls, unsandboxed()):
        found = await covered(repo, box)
        assert [function.name for function in found.functions] == [
            "shop.basket.price",
            "shop.basket.price.one",
            "shop.tax.Rate.__init__",
            "shop.tax.Rate.share",
            "shop.tax.Rate.apply",
        ]
        price = found.function("shop.basket.price")
        assert price is not None
        assert (price.file, price.line, price.package) == ("src/shop/basket.py", 5, "shop")
        assert price.signature == "shop.basket.price(items)"
        assert 10 not in price.covered_lines
        assert "assert" in found.failures[0].message
        assert found.failures[0].source.startswith("def test_price")
        assert found.contained is box.contained
    assert {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()} == before


async def test_a_mark_of_byte_order_and_form_feeds_move_no_line(project: Project, walls: Sandbox) -> None:
    basket = SHOP["src/shop/basket.py"]
    assert isinstance(basket, str)
    repo = project(SHOP)
    whole = (repo / "src/shop/basket.py").read_text()
    plain = await covered(repo, walls)
    (repo / "src/shop/basket.py").write_text("\ufeff\x0c" + whole.replace("1", "1  # \u2028", 1))
    moved = await covered(repo, walls)
    assert [one.name for one in moved.functions] == [one.name for one in plain.functions]
    price, before = moved.function("shop.basket.price"), plain.function("shop.basket.price")
    assert price is not None and before is not None
    assert (price.line, price.covered_lines) == (before.line, before.covered_lines)
    assert price.source.startswith("def price")


async def test_a_whole_file_gives_every_failing_test_and_the_spectrum_counts_both(
    project: Project, walls: Sandbox
) -> None:
    repo = project(SHOP)
    counted = await spectrum(repo, "tests", python=Path(sys.executable), sandbox=walls, environ={})
    assert (counted.failing, counted.passing) == (1, 1)
    assert counted.ochiai("shop.tax.Rate.apply") == 1.0
    assert counted.ochiai("shop.basket.price") == pytest.approx(2**-0.5)
    assert counted.ochiai("shop.basket.unused") == 0.0


async def test_what_only_describes_the_failure_was_not_executed(project: Project, walls: Sandbox) -> None:
    money = """
        class Money:
            def __init__(self, cents):
                self.cents = cents

            def __eq__(self, other):
                return self.cents == other.cents + 1

            def __repr__(self):
                return f"<{self.text()}>"

            def text(self):
                return str(self.cents)
        """
    test = """
        from money import Money

        def test_equal():
            assert Money(1) == Money(1)

        def test_repr():
            assert repr(Money(1)) == "wrong"
        """
    repo = project({"money.py": textwrap.dedent(money), "test_money.py": textwrap.dedent(test)})
    equal = await cover(repo, "test_money.py::test_equal", sandbox=walls)
    assert executed(equal) == {"money.Money.__init__", "money.Money.__eq__"}
    assert "<1>" in equal.failures[0].traceback
    shown = await cover(repo, "test_money.py::test_repr", sandbox=walls)
    assert executed(shown) == {"money.Money.__init__", "money.Money.__repr__", "money.Money.text"}


def executed(covered: Covered) -> set[str]:
    return {function.name for function in covered.functions if not function.only_at_import}


async def test_a_python_without_pytest_is_lent_ours(project: Project, walls: Sandbox, tmp_path: Path) -> None:
    repo = project(SHOP)
    venv.create(repo / ".venv", with_pip=False, symlinks=True)
    assert choose_python(repo, None, {}).why == "the project's .venv"
    found = await cover(repo, TEST, sandbox=walls, environ={})
    assert found.function("shop.tax.Rate.apply") is not None


def test_the_python_is_the_named_one_then_the_projects_then_the_active_one_then_ours(tmp_path: Path) -> None:
    assert choose_python(tmp_path, None, {}).executable == Path(sys.executable)
    active = {"VIRTUAL_ENV": str(Path(sys.executable).parents[1])}
    assert choose_python(tmp_path, None, active).why == "VIRTUAL_ENV"
    with pytest.raises(CallerMistake, match="is no Python"):
        choose_python(tmp_path, tmp_path / "nothing", {})


async def test_a_missing_repository_is_said(tmp_path: Path) -> None:
    assert "does not exist" in str(await refused(tmp_path / "no", unsandboxed()))
    file = tmp_path / "file"
    file.write_text("")
    assert "is not a folder" in str(await refused(file, unsandboxed()))


BAD = {
    "a test that passes": (
        {},
        "tests/test_price.py::test_nothing_costs_nothing",
        "passes; name a test that fails",
    ),
    "a test that does not exist": ({}, "tests/test_price.py::test_no", "there is no test"),
    "a file that does not exist": ({}, "tests/test_no.py::test_no", "there is no test"),
    "an error at collection": (
        {"tests/test_price.py": "import not_installed_anywhere\n"},
        TEST,
        "cannot be collected: ModuleNotFoundError: No module named 'not_installed_anywhere'; make it importable",
    ),
    "a syntax error in the project": ({"src/shop/tax.py": "class Rate\n"}, TEST, "SyntaxError"),
    "a test that covers no code": (
        {"tests/test_price.py": "def test_price():\n    assert 1 == 2\n"},
        TEST,
        "without executing any function of project outside its tests",
    ),
    "a test that is skipped": (
        {"tests/test_price.py": "import pytest\n\n\n@pytest.mark.skip\ndef test_price():\n    assert 0\n"},
        TEST,
        "is skipped",
    ),
    "a project that ends Python": (
        {"tests/conftest.py": "import os\nos._exit(3)\n"},
        TEST,
        "Python ended before the tests did (exit code 3)",
    ),
}


@pytest.mark.parametrize("case", BAD)
async def test_bad_input_is_one_sentence_with_the_cure(case: str, project: Project, walls: Sandbox) -> None:
    files, test, sentence = BAD[case]
    error = await refused(project({**SHOP, **files}), walls, test)
    assert sentence in str(error)
    assert isinstance(error, CallerMistake)
    assert error.cure


async def test_a_test_that_hangs_is_stopped(project: Project, walls: Sandbox) -> None:
    hangs = "def test_price():\n    while True:\n        pass\n"
    error = await refused(project({**SHOP, "tests/test_price.py": hangs}), walls, seconds=6.0)
    assert isinstance(error, LimitReached)
    assert "endless loop" in str(error)


async def test_a_test_that_eats_memory_is_stopped(project: Project, walls: Sandbox) -> None:
    eats = "from shop.basket import price\n\n\ndef test_price():\n    price([1])\n    assert bytearray(3 << 30)\n"
    error = await refused(project({**SHOP, "tests/test_price.py": eats}), walls)
    assert isinstance(error, LimitReached)
    assert "took more memory than it may" in str(error)


async def test_tests_cannot_reach_out_of_the_sandbox(project: Project, walls: Sandbox, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    reaches = f"""
import socket

from shop.basket import price


def test_price():
    price([1])
    try:
        open({str(outside)!r}, "w").close()  # lands in the sandbox's own /tmp at most
        socket.create_connection(("127.0.0.1", 22), 1)
    except OSError:
        assert 0, "stayed inside"
"""
    found = await covered(project({**SHOP, "tests/test_price.py": reaches}), walls)
    assert "stayed inside" in found.failures[0].message
    assert not outside.exists()
