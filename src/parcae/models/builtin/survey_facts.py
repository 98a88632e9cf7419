"""What can be said of one Python module by reading it: definitions, complexity, imports, dead code, missing docs.

Complexity counts decisions: 1 for a function, and 1 more for each if, elif, conditional expression, for, while, except,
`and`, `or` and condition of a comprehension in it. What stands inside f-strings is not looked at. Knows nothing of how
the text was come by.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from parcae.core.protocols import JsonValue

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_JUMPS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


@dataclass(slots=True, kw_only=True)
class Facts:
    """The note on one module. `definitions`: [line, kind, qualified name, complexity, 1 if it has a docstring]."""

    lines: int
    definitions: list[tuple[int, str, str, int, int]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    import_statements: int = 0
    outside: int = 0  # decisions outside every function
    dead: list[tuple[int, str]] = field(default_factory=list)
    module_doc: bool = False
    error: str = ""

    def document(self, path: str) -> dict[str, JsonValue]:
        """The note as JSON values."""
        return {
            "module": path,
            "lines": self.lines,
            "module_doc": self.module_doc,
            "definitions": [list(one) for one in self.definitions],
            "imports": list(self.imports),
            "import_statements": self.import_statements,
            "decisions_outside": self.outside,
            "dead": [list(one) for one in self.dead],
            "error": self.error,
        }


def facts_of(text: str) -> Facts:
    """What is to be said of the module `text`; one that cannot be parsed has an `error` and nothing else."""
    facts = Facts(lines=line_count(text))
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as wrong:
        facts.error = f"line {getattr(wrong, 'lineno', None) or 1}: {getattr(wrong, 'msg', wrong)}"
        return facts
    facts.module_doc = ast.get_docstring(tree, clean=False) is not None
    facts.outside = _visit(tree, facts, "")
    facts.definitions.sort()
    facts.imports = sorted({name for node in ast.walk(tree) for name in _imported(node)})
    facts.import_statements = sum(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree))
    facts.dead = sorted([*_unreferenced(tree), *_unreachable(tree)])
    return facts


def line_count(text: str) -> int:
    """Lines as Python numbers them: a form feed ends none."""
    return text.count("\n") + (not text.endswith("\n") and bool(text))


def _visit(node: ast.AST, facts: Facts, inside: str) -> int:
    """Note the definitions in `node`; the decisions in it that belong to no function in it."""
    decisions = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr):
            continue
        if isinstance(child, Definition):
            name = f"{inside}{child.name}"
            own = _visit(child, facts, f"{name}.")
            is_class = isinstance(child, ast.ClassDef)
            documented = int(ast.get_docstring(child, clean=False) is not None)
            kind = "class" if is_class else "def"
            facts.definitions.append((child.lineno, kind, name, 0 if is_class else 1 + own, documented))
            decisions += own if is_class else 0
            continue
        decisions += _decisions(child) + _visit(child, facts, inside)
    return decisions


def _decisions(node: ast.AST) -> int:
    match node:
        case ast.If() | ast.IfExp() | ast.For() | ast.AsyncFor() | ast.While() | ast.ExceptHandler():
            return 1
        case ast.BoolOp(values=values):
            return len(values) - 1
        case ast.comprehension(ifs=ifs):
            return 1 + len(ifs)
        case ast.match_case(guard=guard):
            return int(guard is not None)
    return 0


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." * node.level + (node.module or "")


def _unreferenced(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Private functions and classes of the module that nothing in it names."""
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    named |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for node in tree.body:
        if isinstance(node, Definition) and _private(node.name) and node.name not in named:
            yield node.lineno, f"{node.name} is private and never named"


def _unreachable(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Statements after one that always leaves the block."""
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            statements: Sequence[ast.stmt] = getattr(node, block, None) or ()
            if not isinstance(statements, list):
                continue
            for before, after in pairwise(statements):
                if isinstance(before, _JUMPS):
                    yield after.lineno, "never reached"
                    break


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
