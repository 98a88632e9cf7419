"""The table of failures that cannot happen here names tests that are there."""

from __future__ import annotations

import ast
import re

from tests.conftest import ROOT

ROW = re.compile(r"^\| ([^|]+) \| `([\w/.]+)::(\w+)` \|$", re.MULTILINE)
LISTED = 32  # failures and complaints


def test_each_failure_of_the_table_has_its_test() -> None:
    rows = ROW.findall((ROOT / "docs/papers/megaagent.md").read_text(encoding="utf-8"))
    assert len(rows) == LISTED
    assert len({name for _, _, name in rows}) == LISTED
    for failure, path, name in rows:
        tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in names, f"{failure}: {path} has no {name}"
