"""Curves as SVG: relative performance over relative cost, with intervals. Knows nothing of where they come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from parcae.web.markup import Markup, tag

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 520, 56, 16, 16, 44
LETTER = 7  # how wide a letter of a name is at most, on average
COLOURS = (
    *("#d9480f", "#1f5fbf", "#2b8a3e", "#862e9c", "#0b7285", "#a61e4d", "#5f3dc4", "#846358", "#868e96", "#c92a2a"),
    *("#087f5b", "#e67700", "#364fc7", "#66a80f", "#c2255c", "#495057"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One point with its interval and what it is."""

    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A named curve; `band` draws its interval, `strong` makes it thick."""

    name: str
    dots: tuple[Dot, ...]
    band: bool = False
    strong: bool = False


def plot(lines: Sequence[Line], *, x_label: str, y_label: str, x_range: tuple[float, float]) -> Markup:
    """All `lines` in one `<svg>`; x is logarithmic, the range of y is that of the points within `x_range`."""
    seen = [dot for line in lines for dot in line.dots if x_range[0] <= dot.x <= x_range[1]]
    low = math.floor(10 * min((dot.y for dot in seen), default=0.0)) / 10
    high = max((dot.y for dot in seen), default=1.0) + 0.03
    frame = _Frame(x=x_range, y=(low, high))
    drawn = [_line(line, COLOURS[i % len(COLOURS)], frame) for i, line in enumerate(lines)]
    left = WIDTH - max(190, 30 + LETTER * max((len(line.name) for line in lines), default=0))
    names = [_name(line, i, COLOURS[i % len(COLOURS)], left) for i, line in enumerate(lines)]
    return tag(
        "svg",
        tag("title", f"{y_label} over {x_label}"),
        _axes(frame, x_label, y_label),
        drawn,
        names,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        first, last = (math.log(value) for value in self.x)
        across = (math.log(max(x, 1e-9)) - first) / (last - first)
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)


def _axes(frame: _Frame, x_label: str, y_label: str) -> list[Markup]:
    marks: list[Markup] = []
    for value in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0):
        if frame.x[0] <= value <= frame.x[1]:
            x, bottom = frame.at(value, frame.y[0])
            marks.append(tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=TOP, y2=f"{bottom:.1f}", class_="grid"))
            marks.append(tag("text", f"{value:g}", x=f"{x:.1f}", y=HEIGHT - BOTTOM + 16, text_anchor="middle"))
    for tenth in range(round(10 * frame.y[0]), math.floor(10 * frame.y[1]) + 1):
        x, y = frame.at(frame.x[0], tenth / 10)
        marks.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"))
        marks.append(tag("text", f"{tenth / 10:.1f}", x=LEFT - 8, y=f"{y + 4:.1f}", text_anchor="end"))
    marks.append(tag("text", f"{x_label} (logarithmic)", x=WIDTH / 2, y=HEIGHT - 8, text_anchor="middle"))
    marks.append(tag("text", y_label, x=LEFT + 6, y=TOP + 10))
    return marks


def _line(line: Line, colour: str, frame: _Frame) -> Markup:
    inside = [dot for dot in line.dots if frame.x[0] <= dot.x <= frame.x[1]]
    places = [frame.at(dot.x, dot.y) for dot in inside]
    path = " ".join(f"{'M' if i == 0 else 'L'} {x:.1f} {y:.1f}" for i, (x, y) in enumerate(places))
    band = None
    if line.band and inside:
        edge = [frame.at(dot.x, dot.high) for dot in inside] + [frame.at(dot.x, dot.low) for dot in reversed(inside)]
        band = tag("polygon", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in edge), fill=colour, fill_opacity="0.13")
    thick = 2.6 if line.strong else 1.4
    dots = [
        tag("circle", tag("title", dot.title), cx=f"{x:.1f}", cy=f"{y:.1f}", r=4 if line.strong else 3, fill=colour)
        for dot, (x, y) in zip(inside, places, strict=True)
    ]
    stroke = tag("path", d=path, fill="none", stroke=colour, stroke_width=thick) if path else None
    return tag("g", band, stroke, dots)


def _name(line: Line, row: int, colour: str, left: int) -> Markup:
    y = HEIGHT - BOTTOM - 14 - 17 * row
    return tag(
        "g",
        tag("rect", x=left, y=y - 9, width=12, height=4, fill=colour),
        tag("text", line.name, x=left + 18, y=y - 3),
    )
