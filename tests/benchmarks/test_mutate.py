from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from parcae.benchmarks.mutate import compiles, mutations

SOURCE = '''
def clip(values, low, high, *, wrap=False):
    """Values kept within bounds."""
    kept = []
    for place, value in enumerate(values):
        if not wrap and (value < low or value >= high):
            continue
        kept.append(max(low, value)[:place])
    return kept[1:], len(kept) + 1
'''
LINES = frozenset(range(1, SOURCE.count("\n") + 1))


def test_each_fault_changes_one_place_of_one_function() -> None:
    found = mutations(SOURCE, LINES)
    assert {fault.operator for fault in found} >= {
        "comparison",
        "and/or",
        "arithmetic",
        "constant",
        "condition",
        "near function",
        "swapped arguments",
        "slice",
        "break/continue",
        "dropped statement",
        "near variable",
    }
    for fault in found:
        broken = fault.apply(SOURCE)
        assert broken != SOURCE and broken[: fault.start] == SOURCE[: fault.start]
        assert broken.endswith(SOURCE[fault.end :])
        assert fault.function == "clip" and SOURCE[: fault.start].count("\n") + 1 >= fault.line


def test_only_the_lines_that_were_asked_for_are_broken_and_never_a_docstring() -> None:
    assert {fault.line for fault in mutations(SOURCE, frozenset({9}))} == {9}
    assert mutations(SOURCE, frozenset({3})) == ()


@given(st.sampled_from(mutations(SOURCE, LINES)))
def test_what_compiles_is_another_program(fault: object) -> None:
    broken = fault.apply(SOURCE)  # type: ignore[attr-defined]
    if compiles(broken):
        assert ast.dump(ast.parse(broken)) != ast.dump(ast.parse(SOURCE))
