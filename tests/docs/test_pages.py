"""What the pages claim: the tests that they name are there, and their settings are read as they stand."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest
from tests.conftest import ROOT
from tests.docs.test_examples import blocks

from parcae.cli.main import parcae
from parcae.models.catalog import load_catalog

CLAIMED = re.compile(r"^\| ([^|]+) \| `([\w/.]+)::(\w+)` \|$", re.MULTILINE)
PROMISES = {"money": 23, "security": 38}  # page -> claims in its table


FILE = re.compile(r"`((?:\w+/)+\w+\.py)`")
MODULE = re.compile(r"python -m (experiments(?:\.\w+)+)")
LOG = ROOT / "experiments/LOG.md"


@pytest.mark.parametrize("page", [*sorted((ROOT / "docs/papers").glob("*.md")), LOG], ids=lambda page: page.name)
def test_the_code_and_experiments_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    roots = (ROOT, ROOT / "src/parcae", ROOT / "experiments", ROOT / "tests")
    for name in FILE.findall(text):
        assert any((root / name).is_file() for root in roots), name
    for module in MODULE.findall(text):
        assert importlib.util.find_spec(module) is not None, module


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


COMPARED = ROOT / "docs/compare.md"
FIGURE = re.compile(r"\d[\d,]*\.?\d*|\.\d+")


def test_every_figure_of_the_comparison_stands_in_the_log() -> None:
    log = set(FIGURE.findall((ROOT / "experiments/LOG.md").read_text(encoding="utf-8")))
    rows = [line for line in COMPARED.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    figures = [(figure, row) for row in rows for figure in FIGURE.findall(row.split("|", 2)[2])]
    assert len(figures) > 80
    assert [one for one in figures if one[0] not in log] == []


@pytest.mark.parametrize("command", "".join(blocks(COMPARED, "sh")).splitlines())
def test_the_commands_of_the_comparison_are_there(command: str) -> None:
    program, *words = shlex.split(command)
    if program == "parcae":
        understood(parcae, words)
    elif words[0] == "-m":
        module = ROOT / words[1].replace(".", "/")
        assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file()
    else:
        assert (ROOT / words[0]).is_file()


def understood(group: click.Group, words: list[str]) -> None:
    """Parse the words as the command line does, without running anything: an unknown option is an error."""
    name, command, rest = group.resolve_command(click.Context(group), words)
    assert command is not None
    if isinstance(command, click.Group):
        understood(command, rest)
    else:
        command.make_context(name, rest)
