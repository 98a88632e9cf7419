"""Small changes to a function that might repair it: the slips that reviewers look for, each undone. Judges nothing."""

from __future__ import annotations

import ast
import textwrap
from bisect import bisect_right
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
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


_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Change:
    """Put `new` in the place of `old`, whole lines without the first indent; `line`, where they begin, counts from 1.

    `weight` says how often such slips happen.
    """

    old: str
    new: str
    weight: float
    line: int


@lru_cache(maxsize=1_024)  # attempts read the same functions, and weigh them anew at every turn
def changes(snippet: Snippet) -> tuple[Change, ...]:
    """Every small change to the statements that were executed, likelier ones first; to all where none is marked."""
    tree = snippet.tree
    if tree is None:
        return ()
    text = _Text(snippet.text)
    found: dict[Change, None] = {}
    for statement, node in _nodes(tree):
        if snippet.executed and not snippet.executed & {statement.lineno, getattr(node, "lineno", 0)}:
            continue
        for start, end, new, weight in _edits(node, tree, text):
            change = text.change(start, end, new, weight)
            if change.old != change.new:
                found.setdefault(change)
    return tuple(sorted(found, key=lambda change: (-change.weight, change.line)))


def _nodes(tree: _Function) -> Iterator[tuple[ast.stmt, ast.AST]]:
    """Every node of the body with the innermost statement that it stands in; docstrings are left out."""
    waiting: list[tuple[ast.stmt, ast.AST]] = [(one, one) for one in reversed(tree.body)]
    while waiting:
        statement, node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        yield statement, node
        for child in reversed(list(ast.iter_child_nodes(node))):
            waiting.append((child, child) if isinstance(child, ast.stmt) else (statement, child))


def applied(snippet: Snippet, change: Change) -> str | None:
    """The function's whole text with `change`; None if that is no program."""
    lines = snippet.text.split("\n")
    rest = "\n".join(lines[change.line - 1 :]).replace(change.old, change.new, 1)
    text = "\n".join([*lines[: change.line - 1], rest])
    try:
        ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError):
        return None
    return text


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

    def change(self, start: int, end: int, new: str, weight: float) -> Change:
        """The edit of source[start:end] as a change of whole lines."""
        line = bisect_right(self._starts, start)
        first, last = self._starts[line - 1], self.source.find("\n", end)
        first += len(self.source[first:start]) - len(self.source[first:start].lstrip())
        last = len(self.source) if last < 0 else last
        changed = self.source[first:start] + new + self.source[end:last]
        return Change(old=self.source[first:last], new=changed, weight=weight, line=line)


_Edit = tuple[int, int, str, float]


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
            yield (*text.span(node), "pass", 0.1)
        case ast.Constant():
            yield from _constant(node, text)
        case ast.Call():
            yield from _call(node, text)
        case ast.Name(ctx=ast.Load()):
            yield from _name(node, function, text)
        case _:
            yield from _flow(node, function, text)


def _flow(node: ast.AST, function: _Function, text: _Text) -> Iterator[_Edit]:
    match node:
        case ast.Pass():
            yield from _filled(node, function, text)
        case ast.If() | ast.While() | ast.IfExp():
            yield from _condition(node.test, text)
        case ast.Break():
            yield (*text.span(node), "continue", 0.5)
        case ast.Continue():
            yield (*text.span(node), "break", 0.5)
        case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper)):
            for bound in (lower, upper):
                yield from _bound(bound, text)
        case ast.Expr(value=ast.Call()):
            yield (*text.span(node), "pass", 0.1)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield from _condition(value, text, 0.1)


def _filled(node: ast.Pass, function: _Function, text: _Text) -> Iterator[_Edit]:
    """A place where nothing is done may lack what is done elsewhere in the function."""
    lines = [one for _, one in _nodes(function) if isinstance(one, ast.Expr | ast.AugAssign | ast.Return)]
    for other in dict.fromkeys(text.of(one) for one in lines):
        if "\n" not in other:
            yield (*text.span(node), other, 0.5)


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


def _condition(test: ast.expr, text: _Text, weight: float = 0.7) -> Iterator[_Edit]:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield (*text.span(test), text.of(test.operand), 0.9)
    elif not isinstance(test, ast.NamedExpr):
        plain = isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        weight = 0.2 if isinstance(test, ast.Compare) else weight  # a wrong comparison has changes of its own
        yield (*text.span(test), f"not {text.of(test)}" if plain else f"not ({text.of(test)})", weight)


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
    """Another name of the function in the place of this one: an argument for an argument, or what else is bound."""
    arguments, names = _names_of(function)
    if node.id in ("self", "cls") or node.id not in names:
        return
    for other in names:
        if other not in (node.id, "self", "cls"):
            both = node.id in arguments and other in arguments
            yield (*text.span(node), other, 0.3 if both else 0.06)


@lru_cache(maxsize=16)  # asked for every name of the function
def _names_of(function: _Function) -> tuple[Set[str], Sequence[str]]:
    """Its arguments, and these with what else it binds, each once."""
    arguments = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    bound = [one.id for one in ast.walk(function) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    return frozenset(arguments), tuple(dict.fromkeys((*arguments, *bound)))


def _bound(bound: ast.expr | None, text: _Text) -> Iterator[_Edit]:
    match bound:
        case None:
            return
        case ast.BinOp(op=ast.Add() | ast.Sub(), right=ast.Constant(value=1)):
            yield (*text.span(bound), text.of(bound.left), 0.9)
        case ast.Name() | ast.Attribute() | ast.BinOp() | ast.Call():
            yield (*text.span(bound), f"{text.of(bound)} + 1", 0.6)
            yield (*text.span(bound), f"{text.of(bound)} - 1", 0.6)
