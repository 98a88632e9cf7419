"""Which functions a source file defines, and which lines are whose. Knows nothing of tests or coverage."""

from __future__ import annotations

import ast
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A function as it stands in a file. `own_lines` are lines of its body that no nested function has."""

    qualname: str
    line: int
    first_line: int
    end_line: int
    source: str
    signature: str
    own_lines: frozenset[int]


def definitions(source: str) -> tuple[Definition, ...]:
    """Every function in `source`, in order of line, with a unique qualified name.

    Raises:
        SyntaxError: this Python cannot read it.
    """
    lines = source_lines(source)
    seen: Counter[str] = Counter()
    found = []
    for node, name in _walk(ast.parse(source), ""):
        seen[name] += 1
        found.append(_definition(node, name if seen[name] == 1 else f"{name}#{seen[name]}", lines))
    return tuple(sorted(found, key=lambda definition: definition.line))


def source_lines(text: str) -> list[str]:
    """The lines of `text` as Python and editors count them; to `str.splitlines` form feeds end lines, too."""
    return [line.rstrip("\r\n") for line in lines_with_ends(text)]


def lines_with_ends(text: str) -> list[str]:
    """The same lines, each with what ends it."""
    return io.StringIO(text, newline="").readlines()


def module_name(file: str, packages: frozenset[str]) -> str:
    """The dotted name under which `file` (relative, with slashes) is imported.

    `packages` are the folders of the repository that hold an `__init__.py`. The name begins above the outermost of
    the packages around the file; without any, at `src` or `lib` if it lies there, else at the root.
    """
    path = PurePosixPath(file)
    folder = path.parent
    while str(folder) in packages and str(folder) != ".":
        folder = folder.parent
    if folder == path.parent and folder.parts[:1] in (("src",), ("lib",)):
        folder = PurePosixPath(folder.parts[0])
    elif folder == path.parent:
        folder = PurePosixPath()
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def is_test_file(file: str) -> bool:
    """Whether `file` (relative, with slashes) is part of the tests and not of what they test."""
    path = PurePosixPath(file)
    folders = {part.lower() for part in path.parts[:-1]}
    return (
        bool(folders & {"tests", "test"})
        or path.stem.startswith("test_")
        or path.stem.endswith("_test")
        or (path.stem in ("conftest", "tests"))
    )


def chooses_tests(file: str) -> bool:
    """Whether `file` (relative, with slashes) can say which tests pytest runs, and how."""
    return PurePosixPath(file).name in ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


def _walk(node: ast.AST, prefix: str) -> Iterator[tuple[_Definition, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Definition):
            name = prefix + child.name + _accessor(child)
            yield child, name
            yield from _walk(child, f"{name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _walk(child, f"{prefix}{child.name}.")
        else:
            yield from _walk(child, prefix)


def _accessor(node: _Definition) -> str:
    """What tells the parts of a property apart: ".setter" or ".deleter"."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Attribute) and decorator.attr in ("setter", "deleter"):
            return f".{decorator.attr}"
    return ""


def _definition(node: _Definition, name: str, lines: list[str]) -> Definition:
    first = _first_line(node)
    end = node.end_lineno or node.lineno
    own = set(range(node.body[0].lineno, end + 1))
    for inner in _inner(node):
        own -= set(range(inner.body[0].lineno, (inner.end_lineno or inner.lineno) + 1))
    return Definition(
        qualname=name,
        line=node.lineno,
        first_line=first,
        end_line=end,
        source="\n".join(lines[first - 1 : end]),
        signature=f"{name}({ast.unparse(node.args)})",
        own_lines=frozenset(own),
    )


def _first_line(node: _Definition) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _inner(node: _Definition) -> Iterator[_Definition]:
    """The functions below `node` that are not inside another one."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        child = waiting.pop()
        if isinstance(child, _Definition):
            yield child
        else:
            waiting += ast.iter_child_nodes(child)
