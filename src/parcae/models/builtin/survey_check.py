"""Checks a note against its source in another way than it was made: by tokens, never by a syntax tree.

Definitions, import statements and decisions are counted where their keywords stand; each definition of the note must
stand in its line of the source.
"""

from __future__ import annotations

import io
import json
import keyword
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_DECISIONS = frozenset({"if", "elif", "for", "while", "except", "and", "or"})
_QUIET = (tokenize.NL, tokenize.COMMENT)
_OPENING = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)


def wrong_in(note: str, source: str, path: str) -> list[str]:
    """What the note says that the source does not bear out; empty if it agrees."""
    try:
        told = json.loads(note)
    except ValueError as broken:
        return [f"the note is no JSON ({broken})"]
    if not isinstance(told, dict) or told.get("module") != path:
        return [f"the note is not about {path}"]
    ends = sum(char == "\n" for char in source) + (source[-1:] not in ("", "\n"))
    if told.get("lines") != ends:
        return [f"lines: the note says {told.get('lines')}, the source has {ends}"]
    counted = _counted(source)
    if counted is None:
        return [] if told.get("error") else ["the source cannot be read as Python, and the note does not say so"]
    if told.get("error"):
        return []  # tokens can be fine where the syntax is not
    return [*_totals(told, counted), *_lines(told, source)]


def _counted(source: str) -> Counter[str] | None:
    """How often each keyword that counts stands in `source`; statements are counted at their beginning only."""
    found: Counter[str] = Counter()
    begins, after_async = True, False
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _QUIET:
                continue
            if token.type in _OPENING or (token.type == tokenize.OP and token.string == ";"):
                begins = True
                continue
            if token.type == tokenize.NAME:
                _count(token.string, begins or after_async, found)
            after_async = begins and token.type == tokenize.NAME and token.string == "async"
            begins = token.type == tokenize.OP and token.string == ":"  # a block on the same line
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return None
    return found


def _count(word: str, begins: bool, found: Counter[str]) -> None:
    if word in _DECISIONS:
        found["decisions"] += 1
    elif begins and word in ("def", "class", "import", "from") and keyword.iskeyword(word):
        found["imports" if word in ("import", "from") else word] += 1


def _totals(told: Mapping[str, Any], counted: Counter[str]) -> list[str]:
    definitions = told.get("definitions") or []
    functions = [one for one in definitions if one[1] == "def"]
    said = {
        "def": len(functions),
        "class": len(definitions) - len(functions),
        "imports": told.get("import_statements"),
        "decisions": sum(one[3] - 1 for one in functions) + int(told.get("decisions_outside") or 0),
    }
    names = {"def": "functions", "class": "classes", "imports": "import statements", "decisions": "decisions"}
    return [
        f"{names[what]}: the note says {number}, the source has {counted[what]}"
        for what, number in said.items()
        if number != counted[what]
    ]


def _lines(told: Mapping[str, Any], source: str) -> list[str]:
    lines = source.split("\n")
    wrong: list[str] = []
    for line, kind, name, *_ in told.get("definitions") or []:
        here = lines[line - 1] if isinstance(line, int) and 0 < line <= len(lines) else ""
        if not _defines(here, kind, str(name).rpartition(".")[2]):
            wrong.append(f"{kind} {name} does not stand in line {line}")
    for line, what in told.get("dead") or []:
        if not (isinstance(line, int) and 0 < line <= len(lines)):
            wrong.append(f"{what}: there is no line {line}")
    imported = "\n".join(line for line in lines if "import" in line)
    for name in told.get("imports") or []:
        if str(name).lstrip(".").split(".")[0] not in imported and name.strip("."):
            wrong.append(f"{name} is not imported")
    return wrong[:5]


def _defines(line: str, kind: str, name: str) -> bool:
    words: Sequence[str] = line.replace("(", " ").replace(":", " ").replace("[", " ").split()
    return kind in words and name in words
