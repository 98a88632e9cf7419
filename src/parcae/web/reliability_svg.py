"""How far forecasts came true, as a drawing: of the forecasts that said about the same, how many came true.

Knows nothing of forecasters: it gets the points that a card holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from parcae.web.markup import Markup, tag

SIDE, LEFT, BOTTOM = 240, 40, 34
Reliability = Sequence[tuple[float, ...]]


def draw_reliability(points: Reliability) -> Markup:
    """A dot for each (low, high, count, mean forecast, failure rate), larger for more; on the line all came true.

    All but `count` are shares in [0, 1].
    """
    most = max((point[2] for point in points), default=1) or 1
    return tag(
        "svg",
        tag(
            "polyline",
            points=f"{_across(0):.1f},{_up(0):.1f} {_across(1):.1f},{_up(1):.1f}",
            fill="none",
            stroke="currentColor",
            stroke_opacity="0.3",
        ),
        [_label(share) for share in (0.0, 0.5, 1.0)],
        [_point(point, most) for point in points],
        tag("text", "forecast", x=SIDE, y=SIDE - 4, text_anchor="end", font_size="11"),
        viewBox=f"0 0 {SIDE} {SIDE}",
        width=SIDE,
        height=SIDE,
        role="img",
        aria_label="Of the forecasts that said about the same, how many came true",
    )


def _point(point: tuple[float, ...], most: float) -> Markup:
    low, high, count, mean, rate = point
    words = f"forecasts from {low:.0%} to {high:.0%}: {rate:.0%} of {count:.0f} came true"
    radius = 3 + 7 * (count / most) ** 0.5
    return tag(
        "circle",
        tag("title", words),
        cx=f"{_across(mean):.1f}",
        cy=f"{_up(rate):.1f}",
        r=f"{radius:.1f}",
        fill="currentColor",
        fill_opacity="0.6",
    )


def _label(share: float) -> Markup:
    words = f"{share:.0%}"
    return tag(
        "g",
        tag("text", words, x=LEFT - 6, y=f"{_up(share) + 4:.1f}", text_anchor="end", font_size="11"),
        tag("text", words, x=f"{_across(share):.1f}", y=SIDE - BOTTOM + 16, text_anchor="middle", font_size="11"),
    )


def _across(share: float) -> float:
    return LEFT + 10 + (SIDE - LEFT - 30) * share


def _up(share: float) -> float:
    return 10 + (SIDE - BOTTOM - 20) * (1 - share)
