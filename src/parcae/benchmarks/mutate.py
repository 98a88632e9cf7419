"""Small faults that people make, as edits of source text: one place changes, the rest of the file stays as it was.

The operators are the usual ones of mutation testing (DeMillo, Lipton, Sayward 1978; Offutt et al. 1996) and a few that
Python invites: a dropped method call, a shifted slice, another variable that is near.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

_Definition = ast.FunctionDef | ast.AsyncFunctionDef
_COMPARE = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
_NEAR_NAMES = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "startswith": "endswith",
    "endswith": "startswith",
    "find": "rfind",
    "rfind": "find",
    "lstrip": "rstrip",
    "rstrip": "lstrip",
    "split": "rsplit",
    "partition": "rpartition",
    "lower": "upper",
    "upper": "lower",
    "append": "extend",
    "keys": "values",
}
_PLAIN_CALLS = ("strip", "lstrip", "rstrip", "lower", "upper", "copy", "casefold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """Replace source[start:end] (characters) by `text`. `line` counts from 1; `function` is the qualified name."""

    operator: str
    start: int
    end: int
    text: str
    line: int
    function: str

    def apply(self, source: str) -> str:
        """The source with this fault in it."""
        return source[: self.start] + self.text + source[self.end :]


def mutations(source: str, lines: Set[int]) -> tuple[Mutation, ...]:
    """Every fault that can be put on one of `lines` inside a function; `compiles` says which leave a program.

    Raises:
        SyntaxError: this Python cannot read the source.
    """
    text = _Text(source)
    found = []
    for function, name in _functions(ast.parse(source), ""):
        for node in _own_nodes(function):
            if isinstance(node, ast.expr | ast.stmt) and node.lineno in lines:
                for operator, start, end, new in _edits(node, function, text):
                    if source[start:end] != new:
                        found.append(
                            Mutation(operator=operator, start=start, end=end, text=new, line=node.lineno, function=name)
                        )
    return tuple(found)


def compiles(source: str) -> bool:
    """Whether Python can read `source`."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


class _Text:
    """Source by (line, column in UTF-8 bytes), as `ast` counts."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        """The place in characters."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode("utf-8", "replace"))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where `node` begins and ends."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def of(self, node: ast.expr | ast.stmt) -> str:
        """The text of `node`."""
        start, end = self.span(node)
        return self.source[start:end]


_Edit = tuple[str, int, int, str]


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[_Definition, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Definition):
            yield child, prefix + child.name
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else prefix)


def _own_nodes(function: _Definition) -> Iterator[ast.AST]:
    """What stands in the body of `function` and in no function inside it; its docstring does not count."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, _Definition | ast.ClassDef):
            continue
        yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))


def _edits(node: ast.AST, function: _Definition, text: _Text) -> Iterator[_Edit]:
    for kind, edit in _OPERATORS:
        if isinstance(node, kind):
            yield from edit(node, function, text)


def _compare(node: ast.Compare, function: _Definition, text: _Text) -> Iterator[_Edit]:
    left: ast.expr = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        old, new = _COMPARE[type(operator)]
        yield from _between("comparison", left, right, old, new, text)
        left = right


def _boolean(node: ast.BoolOp, function: _Definition, text: _Text) -> Iterator[_Edit]:
    old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    yield from _between("and/or", node.values[0], node.values[1], old, new, text)


def _binary(node: ast.BinOp, function: _Definition, text: _Text) -> Iterator[_Edit]:
    if type(node.op) not in _ARITHMETIC or any(_is_text(side) for side in (node.left, node.right)):
        return
    old, new = _ARITHMETIC[type(node.op)]
    yield from _between("arithmetic", node.left, node.right, old, new, text)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _between(name: str, left: ast.expr, right: ast.expr, old: str, new: str, text: _Text) -> Iterator[_Edit]:
    start, end = text.span(left)[1], text.span(right)[0]
    gap = text.source[start:end]
    if gap.count(old) == 1 and "#" not in gap:
        place = start + gap.index(old)
        yield name, place, place + len(old), new


def _constant(node: ast.Constant, function: _Definition, text: _Text) -> Iterator[_Edit]:
    start, end = text.span(node)
    if isinstance(node.value, bool):
        yield "constant", start, end, str(not node.value)
    elif isinstance(node.value, int) and abs(node.value) < 1000 and text.of(node).isdigit():
        yield "constant", start, end, str(node.value + 1)
        if node.value > 0:
            yield "constant", start, end, str(node.value - 1)


def _condition(node: ast.If | ast.While, function: _Definition, text: _Text) -> Iterator[_Edit]:
    start, end = text.span(node.test)
    if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
        yield "condition", start, end, text.of(node.test.operand)
    elif not isinstance(node.test, ast.Compare | ast.Constant | ast.NamedExpr):
        yield "condition", start, end, f"not ({text.of(node.test)})"


def _call(node: ast.Call, function: _Definition, text: _Text) -> Iterator[_Edit]:
    start, end = text.span(node)
    if isinstance(node.func, ast.Attribute) and node.func.attr in _PLAIN_CALLS and not node.args:
        yield "dropped call", start, end, text.of(node.func.value)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _NEAR_NAMES:
        stop = text.span(node.func)[1]
        yield "near function", stop - len(name), stop, _NEAR_NAMES[name]
    if len(node.args) >= 2 and not any(isinstance(one, ast.Starred) for one in node.args[:2]):
        first, second = node.args[:2]
        (begin, middle), (after, stop) = text.span(first), text.span(second)
        swapped = text.of(second) + text.source[middle:after] + text.of(first)
        yield "swapped arguments", begin, stop, swapped


def _slice(node: ast.Subscript, function: _Definition, text: _Text) -> Iterator[_Edit]:
    if not isinstance(node.slice, ast.Slice):
        return
    for bound in (node.slice.lower, node.slice.upper):
        if isinstance(bound, ast.Name | ast.Attribute | ast.BinOp):
            start, end = text.span(bound)
            yield "slice", start, end, f"{text.of(bound)} + 1"
            yield "slice", start, end, f"{text.of(bound)} - 1"


def _statement(node: ast.stmt, function: _Definition, text: _Text) -> Iterator[_Edit]:
    start, end = text.span(node)
    if isinstance(node, ast.Break):
        yield "break/continue", start, end, "continue"
    elif isinstance(node, ast.Continue):
        yield "break/continue", start, end, "break"
    elif isinstance(node, ast.AugAssign) and type(node.op) in (ast.Add, ast.Sub):
        old, new = ("+=", "-=") if isinstance(node.op, ast.Add) else ("-=", "+=")
        yield from _between("arithmetic", node.target, node.value, old, new, text)
    if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)) or isinstance(node, ast.AugAssign):
        yield "dropped statement", start, end, "pass"


def _name(node: ast.Name, function: _Definition, text: _Text) -> Iterator[_Edit]:
    """Another argument of the same function in the place of this one."""
    arguments = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    others = [name for name in arguments if name not in (node.id, "self", "cls")]
    if isinstance(node.ctx, ast.Load) and node.id in arguments and node.id not in ("self", "cls") and others:
        start, end = text.span(node)
        yield "near variable", start, end, others[len(node.id) % len(others)]


_Operator = Callable[..., Iterator[_Edit]]  # each takes the kind of node that it is listed with
_OPERATORS: tuple[tuple[type[ast.AST] | tuple[type[ast.AST], ...], _Operator], ...] = (
    (ast.Compare, _compare),
    (ast.BoolOp, _boolean),
    (ast.BinOp, _binary),
    (ast.Constant, _constant),
    ((ast.If, ast.While), _condition),
    (ast.Call, _call),
    (ast.Subscript, _slice),
    (ast.stmt, _statement),
    (ast.Name, _name),
)
