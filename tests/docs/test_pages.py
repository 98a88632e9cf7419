"""What the pages claim: the tests that they name are there, and their settings are read as they stand."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.docs.test_examples import blocks

from parcae.models.catalog import load_catalog

CLAIMED = re.compile(r"^\| ([^|]+) \| `([\w/.]+)::(\w+)` \|$", re.MULTILINE)
PROMISES = {"money": 15, "security": 35}  # page -> claims in its table


def named_in(file: Path) -> set[str]:
    """What pytest can find in a file: functions, classes, and classes by another name."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("page", PROMISES)
def test_each_claim_has_its_test(page: str) -> None:
    rows = CLAIMED.findall((ROOT / f"docs/{page}.md").read_text(encoding="utf-8"))
    assert len(rows) == PROMISES[page]
    for claim, path, name in rows:
        assert name.lower().startswith("test") and name in named_in(ROOT / "tests" / path), f"{claim}: no {name}"


def test_prices_of_ones_own_are_read_as_the_page_writes_them(tmp_path: Path) -> None:
    [text] = blocks(ROOT / "docs/money.md", "toml")
    (tmp_path / "prices.toml").write_text(text)
    [name] = load_catalog(tmp_path / "prices.toml").named
    price = load_catalog(tmp_path / "prices.toml").card(name).price
    assert price is not None and (price.prompt_usd, price.completion_usd) == (0.10, 0.40)


SHOWN = re.compile(r"^::: ([\w.]+)(?:\n +options:\n +members: \[([^\]]+)\])?", re.MULTILINE)


@pytest.mark.parametrize("page", sorted((ROOT / "docs/reference").glob("*.md")), ids=lambda page: page.stem)
def test_the_reference_shows_names_that_are_there_with_their_docstrings(page: Path) -> None:
    shown = SHOWN.findall(page.read_text(encoding="utf-8"))
    assert shown
    for module, members in shown:
        found = importlib.import_module(module)
        for name in filter(None, members.split(", ")):
            assert getattr(found, name).__doc__, f"{module}.{name}"
