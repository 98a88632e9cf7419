"""Bugs made by hand in published packages: their descriptions, and how they are planted. The packages stay outside."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from experiments.spine.handmade import Fault, Package, broken, packages, plant

from parcae.benchmarks.bug import REPO, find_bugs, read_bug
from parcae.core.errors import CallerMistake

SOURCE = """class Till:
    def total(self, prices):
        result = 0
        for price in prices:
            result += price
        return result
"""
TESTS = "from shop import Till\n\n\ndef test_total():\n    assert Till().total([1, 2]) == 3\n"
FAULT = Fault(
    file="shop.py",
    function="Till.total",
    culprit="shop.Till.total",
    old="            result += price\n",
    new="            result = price\n",
    how="set instead of added to",
    test="tests/test_shop.py::test_total",
)


def test_three_packages_have_ten_faults_each_in_different_functions() -> None:
    known = packages()
    assert [(one.name, len(one.faults)) for one in known] == [("boltons", 10), ("jinja2", 10), ("sqlparse", 10)]
    faults = [fault for one in known for fault in one.faults]
    assert len({fault.culprit for fault in faults}) == 30
    assert all(len(one.sha256) == 64 for one in known)
    assert all(fault.old != fault.new and fault.culprit.endswith(fault.function) for fault in faults)


def test_a_fault_is_planted_in_a_repository_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "shop-1.0"
    (root / "tests").mkdir(parents=True)
    (root / "shop.py").write_text(SOURCE)
    (root / "tests/test_shop.py").write_text(TESTS)
    archive = tmp_path / "shop-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(root, arcname=root.name)
    plant(Package(name="shop", version="1.0", sha256="", faults=(FAULT,)), archive, tmp_path / "bugs")
    (folder,) = find_bugs(tmp_path / "bugs")
    bug = read_bug(folder)
    assert (folder / REPO / "shop.py").read_text() == SOURCE.replace("+= price", "= price")
    assert (bug.culprit, bug.line, bug.test, bug.direct) == ("shop.Till.total", 5, FAULT.test, True)
    assert (root / "shop.py").read_text() == SOURCE


def test_what_is_to_be_replaced_must_stand_once_in_the_function() -> None:
    with pytest.raises(CallerMistake, match="exactly once"):
        broken(SOURCE + "\n\ndef other():\n    return 1\n", Fault(**{**_fields(), "old": "result", "new": "rest"}))


def _fields() -> dict[str, str]:
    return {name: getattr(FAULT, name) for name in FAULT.__dataclass_fields__}
