"""The page about the journal names every kind of event that any package writes, and every field of the core's."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from parcae.core import events

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "journal.md").read_text(encoding="utf-8")


def kinds_in(file: Path) -> list[str]:
    """The text of every `kind: ClassVar[str] = "..."` in a file."""
    return [
        str(node.value.value)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.AnnAssign)
        and ast.unparse(node.target) == "kind"
        and isinstance(node.value, ast.Constant)
        and re.fullmatch(r"[a-z_.]+/[0-9]+", str(node.value.value))
    ]


def test_the_page_names_every_kind_of_event() -> None:
    kinds = [kind for file in sorted((ROOT / "src").rglob("*.py")) for kind in kinds_in(file)]
    assert len(kinds) > 20
    assert [kind for kind in kinds if f"`{kind}`" not in PAGE] == []


@pytest.mark.parametrize("event", [one for one in vars(events).values() if isinstance(getattr(one, "kind", None), str)])
def test_the_page_names_every_field_of_an_event(event: type) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{event.kind}` |")]  # type: ignore[attr-defined]  # an event
    fields = [field.name for field in dataclasses.fields(event) if field.name != "scope"]
    assert [name for name in fields if f"`{name}`" not in row] == []
