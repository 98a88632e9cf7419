from __future__ import annotations

import ast
import textwrap

import pytest

from parcae.models.builtin.locate_reading import Snippet
from parcae.models.builtin.repair_templates import applied, changes

SOURCE = """    def clip(self, values, low, high=9):
        kept = []
        for place, value in enumerate(values):
            if not value or value < low and value % 2 == 1:
                continue
            kept.append(max(low, value)[place:high - 1])
        return kept"""


def texts(source: str, executed: frozenset[int] = frozenset()) -> set[str]:
    snippet = Snippet(source, executed)
    return {text for change in changes(snippet) if (text := applied(snippet, change)) is not None}


@pytest.mark.parametrize(
    ("slip", "repaired"),
    [
        ("value <= low", "value < low"),
        ("if value or", "if not value or"),
        ("value < low or", "value < low and"),
        ("% 2 == 2", "% 2 == 1"),
        ("min(low", "max(low"),
        ("break", "continue"),
        ("high]", "high - 1]"),
        ("max(value, low)", "max(low, value)"),
        ("enumerate(high)", "enumerate(values)"),
        ("return not kept", "return kept"),
    ],
)
def test_a_slip_is_among_those_undone(slip: str, repaired: str) -> None:
    assert SOURCE in texts(SOURCE.replace(repaired, slip, 1))


def test_every_change_is_a_program_and_only_executed_lines_change() -> None:
    found = texts(SOURCE, frozenset({6}))
    assert found
    for text in found:
        ast.parse(textwrap.dedent(text))
        changed = [one for one, two in zip(text.split("\n"), SOURCE.split("\n"), strict=True) if one != two]
        assert changed == [text.split("\n")[5]]


def test_what_is_done_elsewhere_may_be_missing_where_nothing_is_done() -> None:
    source = "def put(rows):\n    if rows:\n        emit(rows)\n    else:\n        pass"
    assert source.replace("pass", "emit(rows)") in texts(source)


def test_what_cannot_be_read_is_left_alone() -> None:
    assert texts("def half(:") == set()
