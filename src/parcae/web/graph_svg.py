"""A merged graph of attempts as SVG. Knows nothing of where the graph comes from.

Layered: a node's column is the mean step at which attempts pass it; rows are ordered by the mean row of the neighbours
(Sugiyama's barycentre heuristic), so that few edges cross.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parcae.web.markup import Markup, tag

COLUMN, ROW, MARGIN, WIDTH, HEIGHT = 190, 58, 24, 158, 38
PASSES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Something that attempts did. `step` is the mean step (from 0); `visits` counts passes over all attempts.

    `swapped` is the share of these passes that a stronger model made after a swap, in [0, 1]. `kind` picks the colour.
    """

    key: str
    label: str
    detail: str
    kind: str
    step: float
    visits: int
    swapped: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`weight` attempts-steps went from node `source` to node `target`."""

    source: str
    target: str
    weight: int


def draw(nodes: Sequence[Node], edges: Sequence[Edge], *, swap_steps: Sequence[int] = ()) -> Markup:
    """The graph as one `<svg>`; `swap_steps` are marked by dashed lines before the step of that number."""
    columns = _columns(nodes)
    places = _places(columns, edges)
    width = 2 * MARGIN + max((column for column in columns), default=0) * COLUMN + WIDTH
    height = 2 * MARGIN + max((len(column) for column in columns.values()), default=1) * ROW
    marks = [_swap_mark(step, height) for step in swap_steps]
    lines = [_edge(edge, places, nodes) for edge in edges if edge.source in places and edge.target in places]
    boxes = [_box(node, *places[node.key]) for node in nodes]
    return tag(
        "svg",
        tag("title", f"{len(nodes)} different steps, {sum(edge.weight for edge in edges)} transitions"),
        marks,
        lines,
        boxes,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


def _columns(nodes: Sequence[Node]) -> dict[int, list[Node]]:
    columns: dict[int, list[Node]] = defaultdict(list)
    for node in sorted(nodes, key=lambda node: (-node.visits, node.key)):
        columns[round(node.step)].append(node)
    return dict(sorted(columns.items()))


def _places(columns: Mapping[int, list[Node]], edges: Sequence[Edge]) -> dict[str, tuple[float, float]]:
    rows = {node.key: float(row) for column in columns.values() for row, node in enumerate(column)}
    neighbours: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for edge in edges:
        neighbours[edge.source].append((edge.target, edge.weight))
        neighbours[edge.target].append((edge.source, edge.weight))
    for _ in range(PASSES):
        for column in columns.values():
            column.sort(key=lambda node: (_barycentre(node.key, neighbours, rows), node.key))
            rows.update((node.key, float(row)) for row, node in enumerate(column))
    return {
        node.key: (MARGIN + index * COLUMN, MARGIN + row * ROW)
        for index, column in columns.items()
        for row, node in enumerate(column)
    }


def _barycentre(key: str, neighbours: Mapping[str, list[tuple[str, int]]], rows: Mapping[str, float]) -> float:
    near = [(rows[other], weight) for other, weight in neighbours.get(key, ()) if other in rows and other != key]
    total = sum(weight for _, weight in near)
    return sum(row * weight for row, weight in near) / total if total else rows[key]


def _edge(edge: Edge, places: Mapping[str, tuple[float, float]], nodes: Sequence[Node]) -> Markup:
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    thick = min(1.0 + 0.7 * (edge.weight - 1), 7.0)
    if edge.source == edge.target:
        path = f"M {x1 + WIDTH - 26} {y1} c -6 -18 26 -18 20 0"
    elif x2 > x1:
        start, end, middle = x1 + WIDTH, x2, (x1 + WIDTH + x2) / 2
        path = f"M {start} {y1 + 19} C {middle} {y1 + 19} {middle} {y2 + 19} {end} {y2 + 19}"
    else:
        path = (
            f"M {x1 + WIDTH / 2} {y1 + HEIGHT} C {x1} {y1 + 60} {x2 + WIDTH} {y2 + 60} {x2 + WIDTH / 2} {y2 + HEIGHT}"
        )
    title = tag("title", f"{edge.weight} times")
    return tag("path", title, d=path, class_="edge", stroke_width=f"{thick:.1f}")


def _box(node: Node, x: float, y: float) -> Markup:
    ring = "node swapped" if node.swapped > 0 else "node"
    return tag(
        "g",
        tag("title", f"{node.detail}\n{node.visits} passes, {node.swapped:.0%} after a swap"),
        tag("rect", x=x, y=y, width=WIDTH, height=HEIGHT, rx=7, class_=f"{ring} kind-{_class(node.kind)}"),
        tag("text", _short(node.label, 22), x=x + 9, y=y + 16, class_="label"),
        tag("text", f"{_short(node.kind, 20)} ×{node.visits}", x=x + 9, y=y + 31, class_="kind"),
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _swap_mark(step: int, height: float) -> Markup:
    x = MARGIN + step * COLUMN - (COLUMN - WIDTH) / 2
    return tag(
        "g",
        tag("line", x1=x, x2=x, y1=4, y2=height - 4, class_="swap"),
        tag("text", "swap", x=x + 4, y=14, class_="swap-label"),
    )


def _class(kind: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in kind.lower()) or "other"
