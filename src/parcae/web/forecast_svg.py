"""The forecast over time as a drawing: how likely failure looked at each look, and when something was swapped.

Knows nothing of how forecasts are made.
"""

from __future__ import annotations

from collections.abc import Sequence

from parcae.core.events import Forecasted
from parcae.web.markup import Markup, tag

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 160, 44, 24


def draw_forecasts(forecasts: Sequence[Forecasted], swap_looks: frozenset[tuple[int, ...]] = frozenset()) -> Markup:
    """Points at (steps of all attempts, p_fail), paler where trust is low; a ring marks a look that led to a swap."""
    most = max([sum(one.looked_at) for one in forecasts], default=1) or 1
    points = [(_across(sum(one.looked_at), most), _up(one.p_fail), one) for one in forecasts]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    return tag(
        "svg",
        [_level(share) for share in (0.0, 0.5, 1.0)],
        tag("polyline", points=line, fill="none", stroke="currentColor", stroke_width="1.5"),
        [_point(x, y, one, one.looked_at in swap_looks) for x, y, one in points],
        tag("text", f"{most} steps of all attempts", x=WIDTH, y=HEIGHT - 4, text_anchor="end", font_size="11"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label="How likely failure looked, over the steps of all attempts",
    )


def _point(x: float, y: float, one: Forecasted, swapped: bool) -> Markup:
    words = f"after {list(one.looked_at)} steps: {one.p_fail:.0%} likely to fail, trust {one.trust:.0%}"
    return tag(
        "circle",
        tag("title", words),
        cx=f"{x:.1f}",
        cy=f"{y:.1f}",
        r=7 if swapped else 4,
        fill="currentColor",
        fill_opacity=f"{0.25 + 0.75 * one.trust:.2f}",
        stroke="#d9730d" if swapped else "none",
        stroke_width=3 if swapped else 0,
    )


def _level(share: float) -> Markup:
    y = _up(share)
    return tag(
        "g",
        tag("line", x1=LEFT, x2=WIDTH, y1=f"{y:.1f}", y2=f"{y:.1f}", stroke="currentColor", stroke_opacity="0.2"),
        tag("text", f"{share:.0%}", x=LEFT - 6, y=f"{y + 4:.1f}", text_anchor="end", font_size="11"),
    )


def _across(steps: int, most: int) -> float:
    return LEFT + 10 + (WIDTH - LEFT - 20) * steps / most


def _up(share: float) -> float:
    return 10 + (HEIGHT - BOTTOM - 20) * (1 - share)
