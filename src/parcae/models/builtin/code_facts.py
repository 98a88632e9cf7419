"""What a reader of one function sees at a glance: its size, its decisions, what it calls. Judges nothing."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache

from parcae.models.builtin.locate_reading import Snippet

_DECISIONS = (ast.If, ast.IfExp, ast.While, ast.For, ast.AsyncFor, ast.BoolOp, ast.comprehension, ast.ExceptHandler)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFacts:
    """Counts over the lines that the failing test executed, where it executed any."""

    statements: int = 0
    decisions: int = 0
    comparisons: int = 0
    arithmetic: int = 0
    constants: int = 0
    raises: frozenset[str] = frozenset()
    callees: frozenset[str] = frozenset()
    words: str = ""
    executed_share: float = 1.0


@lru_cache(maxsize=1_024)  # attempts read the same functions, and weigh them anew at every turn
def facts_of(snippet: Snippet) -> CodeFacts | None:
    """The facts of one snippet; None if it cannot be read."""
    tree = snippet.tree
    if tree is None:
        return None
    body = [node for statement in tree.body for node in ast.walk(statement) if not _is_docstring(node)]
    seen = [node for node in body if not snippet.executed or getattr(node, "lineno", 0) in snippet.executed]
    statements = [node for node in body if isinstance(node, ast.stmt)]
    return CodeFacts(
        statements=sum(isinstance(node, ast.stmt) for node in seen),
        decisions=sum(isinstance(node, _DECISIONS) for node in seen),
        comparisons=sum(isinstance(node, ast.Compare) for node in seen),
        arithmetic=sum(isinstance(node, ast.BinOp | ast.AugAssign | ast.UnaryOp) for node in seen),
        constants=sum(isinstance(node, ast.Constant) for node in seen),
        raises=frozenset(_raised(node) for node in seen if isinstance(node, ast.Raise)),
        callees=frozenset(_called(node.func) for node in seen if isinstance(node, ast.Call)),
        words=" ".join(str(node.value) for node in seen if isinstance(node, ast.Constant)),
        executed_share=len([one for one in statements if one in seen]) / max(1, len(statements)),
    )


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _raised(node: ast.Raise) -> str:
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return _called(raised) if raised is not None else ""


def _called(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
