"""Small changes to a function that might repair it: the slips that reviewers look for, each undone. Judges nothing."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from parcae.models.builtin.locate_reading import Snippet

_COMPARISONS = {
    ast.Lt: ("<=", ">", ">="),
    ast.LtE: ("<", ">=", ">"),
    ast.Gt: (">=", "<", "<="),
    ast.GtE: (">", "<=", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
}
_SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_WORDS = {ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not"}
_OPERATORS = {
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("//", "/")),
    ast.FloorDiv: ("//", ("*", "/", "%")),
    ast.Div: ("/", ("*", "//")),
    ast.Mod: ("%", ("//",)),
    ast.LShift: ("<<", (">>",)),
    ast.RShift: (">>", ("<<",)),
    ast.BitAnd: ("&", ("|",)),
    ast.BitOr: ("|", ("&",)),
}
_PAIRS = (
    ("min", "max"),
    ("any", "all"),
    ("startswith", "endswith"),
    ("find", "rfind"),
    ("lstrip", "rstrip"),
    ("split", "rsplit"),
    ("partition", "rpartition"),
    ("lower", "upper"),
    ("append", "extend"),
    ("keys", "values"),
    ("first", "last"),
    ("start", "end"),
)
_TWIN = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
_TIDY = ("strip", "lower", "upper", "copy")


@dataclass(frozen=True, slots=True)
class Change:
    """The function's whole new text. `weight` says how often such slips happen; `line` counts in the function."""

    text: str
    weight: float
    line: int


def changes(snippet: Snippet) -> tuple[Change, ...]:
    """Every small change to the lines that were executed; to all lines where none is marked."""
    tree = snippet.tree
    if tree is None:
        return ()
    text = _Text(snippet.text)
    found = []
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if not line or (snippet.executed and line not in snippet.executed):
            continue
        for start, end, new, weight in _edits(node, tree, text):
            changed = text.source[:start] + new + text.source[end:]
            if changed != text.source:
                found.append(Change(changed, weight, line))
    return tuple(one for one in found if _reads(one.text))


def _reads(text: str) -> bool:
    try:
        ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError):
        return False
    return True


class _Text:
    """The snippet, by the places that its dedented tree names."""

    def __init__(self, source: str) -> None:
        self.source = source
        lines = source.split("\n")
        dedented = textwrap.dedent(source).split("\n")
        self._indents = [len(line) - len(short) for line, short in zip(lines, dedented, strict=True)]
        self._lines = dedented
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def at(self, line: int, column: int) -> int:
        before = self._lines[line - 1].encode()[:column].decode("utf-8", "replace")
        return self._starts[line - 1] + self._indents[line - 1] + len(before)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def of(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.source[start:end]


_Edit = tuple[int, int, str, float]
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _edits(node: ast.AST, function: _Function, text: _Text) -> Iterator[_Edit]:
    match node:
        case ast.Compare():
            yield from _compare(node, text)
        case ast.BoolOp():
            old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            for left, right in pairwise(node.values):
                yield from _between(left, right, old, (new,), 0.8, text)
            for value in node.values:
                yield from _condition(value, text)
        case ast.BinOp() if type(node.op) in _OPERATORS:
            old, others = _OPERATORS[type(node.op)]
            yield from _between(node.left, node.right, old, others, 0.8, text)
        case ast.AugAssign() if type(node.op) in _OPERATORS:
            old, others = _OPERATORS[type(node.op)]
            yield from _between(node.target, node.value, f"{old}=", tuple(f"{one}=" for one in others), 0.8, text)
        case ast.Constant():
            yield from _constant(node, text)
        case ast.Call():
            yield from _call(node, text)
        case ast.Name(ctx=ast.Load()):
            yield from _name(node, function, text)
        case _:
            yield from _flow(node, text)


def _flow(node: ast.AST, text: _Text) -> Iterator[_Edit]:
    match node:
        case ast.If() | ast.While() | ast.IfExp():
            yield from _condition(node.test, text)
        case ast.Break():
            yield (*text.span(node), "continue", 0.5)
        case ast.Continue():
            yield (*text.span(node), "break", 0.5)
        case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper)):
            for bound in (lower, upper):
                yield from _bound(bound, text)


def _between(
    left: ast.expr, right: ast.expr, old: str, news: tuple[str, ...], weight: float, text: _Text
) -> Iterator[_Edit]:
    start, end = text.span(left)[1], text.span(right)[0]
    gap = text.source[start:end]
    if gap.count(old) == 1:
        place = start + gap.index(old)
        for rank, new in enumerate(news):
            yield place, place + len(old), new, weight / (1 + rank)


def _compare(node: ast.Compare, text: _Text) -> Iterator[_Edit]:
    left: ast.expr = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        old = (_SIGNS | _WORDS)[type(operator)]
        yield from _between(left, right, old, _COMPARISONS[type(operator)], 1.0, text)
        left = right


def _constant(node: ast.Constant, text: _Text) -> Iterator[_Edit]:
    if isinstance(node.value, bool):
        yield (*text.span(node), str(not node.value), 0.8)
    elif isinstance(node.value, int) and text.of(node).isdigit():
        yield (*text.span(node), str(node.value + 1), 0.7)
        if node.value:
            yield (*text.span(node), str(node.value - 1), 0.7)


def _condition(test: ast.expr, text: _Text) -> Iterator[_Edit]:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield (*text.span(test), text.of(test.operand), 0.9)
    elif not isinstance(test, ast.NamedExpr):
        plain = isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        yield (*text.span(test), f"not {text.of(test)}" if plain else f"not ({text.of(test)})", 0.7)


def _call(node: ast.Call, text: _Text) -> Iterator[_Edit]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    stop = text.span(node.func)[1]
    if name in _TWIN:
        yield stop - len(name), stop, _TWIN[name], 0.8
    if len(node.args) >= 2 and not any(isinstance(one, ast.Starred) for one in node.args[:2]):
        first, second = node.args[:2]
        (begin, middle), (after, end) = text.span(first), text.span(second)
        yield begin, end, text.of(second) + text.source[middle:after] + text.of(first), 0.6
    for value in (*node.args, *(keyword.value for keyword in node.keywords)):
        if isinstance(value, ast.Name | ast.Attribute):
            for method in _TIDY:
                yield (*text.span(value), f"{text.of(value)}.{method}()", 0.1)


def _name(node: ast.Name, function: _Function, text: _Text) -> Iterator[_Edit]:
    arguments = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    if node.id in arguments and node.id not in ("self", "cls"):
        for other in arguments:
            if other not in (node.id, "self", "cls"):
                yield (*text.span(node), other, 0.25)


def _bound(bound: ast.expr | None, text: _Text) -> Iterator[_Edit]:
    match bound:
        case None:
            return
        case ast.BinOp(op=ast.Add() | ast.Sub(), right=ast.Constant(value=1)):
            yield (*text.span(bound), text.of(bound.left), 0.9)
        case ast.Name() | ast.Attribute() | ast.BinOp() | ast.Call():
            yield (*text.span(bound), f"{text.of(bound)} + 1", 0.6)
            yield (*text.span(bound), f"{text.of(bound)} - 1", 0.6)
