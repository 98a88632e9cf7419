"""The self-contained page of a frontier: the plot, the pairs, and every point of every curve.

Contains no script and loads nothing. Knows nothing of how the frontier was made.
"""

from __future__ import annotations

from collections.abc import Sequence

from parcae.hotswap.frontier import Frontier
from parcae.hotswap.readings import Paired, Point
from parcae.web.markup import Markup, page, tag
from parcae.web.plot_svg import Dot, Line, plot
from parcae.web.style import STYLE

LEAST_COST, MOST_COST = 0.001, 10.0  # of the drawing; what costs less or more stands in the tables
GRID = "svg .grid { stroke: var(--line); stroke-width: 1; }"
NAMES = {  # those that are drawn last lie on top
    "never_swap": "never swap",
    "random_swap": "random swap",
    "always_swap": "always swap",
    "paper_sequential": "sequential hotswap",
    "esc": "ESC",
    "adaptive_consistency": "adaptive consistency",
    "cascade": "cascade",
    "fixed": "fewer samples",
    "adaptive": "adaptive lead",
    "oracle": "hindsight",
    "ours": "ours (price-aware)",
}


def frontier_page(found: Frontier) -> str:
    """The whole page as HTML text."""
    asked = found.asked
    title = f"{asked.target} with {', '.join(asked.sources)}: performance kept at which cost"
    return page(
        f"parcae frontier: {title}",
        STYLE + GRID,
        tag(
            "main",
            tag("header", tag("h1", title), tag("p", _facts(found), class_="facts")),
            _section("The frontier", tag("figure", _drawing(found), class_="scroll"), tag("p", HOW_TO_READ)),
            _section("Ours beside the others", _pairs(found.paired), tag("p", _gap(found))),
            [_section(label_of(name), _points(points)) for name, points in found.curves.items()],
            [_section(name, tag("p", f"Refused: {reason}.")) for name, reason in found.refused.items()],
            [_section(name, tag("p", f"{name}: {reason}.")) for name, reason in found.useless.items()],
            tag("footer", "written by Parcae"),
        ),
    )


HOW_TO_READ = (
    "Up and to the left is better. Each point is one policy, replayed on the recorded attempts; point at it to read "
    "which one. The band is the 95 % interval over tasks. Ours was chosen on other tasks than those that it is shown "
    "on; the others are shown as they are, your own plans too: a forecaster that was trained on these tasks "
    "flatters them. Hindsight knows every outcome, and takes for each task the best of all that ours may do."
)


def _facts(found: Frontier) -> str:
    asked = found.asked
    prices = "; ".join(
        f"{model} ${asked.prices.of[model].prompt_usd:g}/${asked.prices.of[model].completion_usd:g}"
        + (" (nominal)" if asked.prices.of[model].nominal else "")
        for model in (asked.target, *asked.sources)
    )
    return (
        f"{found.tasks} tasks. 1.00 is a plain vote over {asked.most} attempts of {asked.target}: "
        f"{found.target_success:.1f} solved for ${found.target_usd:.2f}, ${found.solved_usd:.3f} a solved task. "
        f"US dollars per million tokens: {prices}; tokens by {asked.prices.rule}."
    )


def _drawing(found: Frontier) -> Markup:
    others = [name for name in found.curves if name not in NAMES]
    lines = [_line(name, found.curves[name]) for name in (*others, *NAMES) if name in found.curves]
    costs = [point.relative_cost for points in found.curves.values() for point in points]
    x_range = (max(LEAST_COST, 0.9 * min(costs)), max(1.05, min(MOST_COST, 1.05 * max(costs))))
    return plot(lines, x_label="relative cost", y_label="relative performance", x_range=x_range)


def _line(name: str, points: Sequence[Point]) -> Line:
    """A curve; of ours every point is drawn, of the others those that no cheaper one beats."""
    ours = name == "ours"
    drawn = points if ours else _best(points)
    return Line(name=label_of(name), dots=tuple(_dot(point) for point in drawn), band=ours, strong=ours)


def label_of(name: str) -> str:
    """What a reader sees as the name of a curve."""
    return NAMES.get(name) or name.replace("fixed ", "fewer samples of ")


def _best(points: Sequence[Point]) -> list[Point]:
    """The points that no cheaper one beats."""
    best, kept = float("-inf"), []
    for point in points:
        if point.relative_performance > best:
            best = point.relative_performance
            kept.append(point)
    return kept


def _dot(point: Point) -> Dot:
    kept = f"{point.relative_performance:.3f} [{point.low:.3f}, {point.high:.3f}]"
    said = f"{point.policy}\n{kept} at {point.relative_cost:.3f}"
    return Dot(x=point.relative_cost, y=point.relative_performance, low=point.low, high=point.high, title=said)


def _section(title: str, *body: Markup) -> Markup:
    return tag("section", tag("h2", title), *body)


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    body = [tag("tr", [tag("td", str(cell)) for cell in row]) for row in rows]
    return tag("table", tag("thead", tag("tr", [tag("th", head) for head in heads])), tag("tbody", body))


def _pairs(pairs: Sequence[Paired]) -> Markup:
    rows = [
        (f"{pair.relative_cost:.3g}", label_of(pair.rival), _kept(pair.ours), _kept(pair.theirs), _difference(pair))
        for pair in pairs
    ]
    return _table(("relative cost", "beside", "ours", "theirs", "difference, 95 % interval"), rows)


def _kept(performance: float | None) -> str:
    return "not reached" if performance is None else f"{performance:.3f}"


def _difference(pair: Paired) -> str:
    if pair.difference is None:
        return ""
    return f"{pair.difference.mean:+.3f} [{pair.difference.low:+.3f}, {pair.difference.high:+.3f}]"


def _gap(found: Frontier) -> str:
    shares = ", ".join(f"{share:.0%} at {at:.3g}" for at, share in found.gap_closed.items())
    if not shares:
        return "Hindsight and adaptive lead are nowhere both reached: no share of the way between them is known."
    return f"Of the way from adaptive lead to hindsight, ours closes {shares}."


def _points(points: Sequence[Point]) -> Markup:
    rows = [
        (
            f"{point.relative_cost:.3f}",
            f"{point.relative_performance:.3f}",
            f"[{point.low:.3f}, {point.high:.3f}]",
            "; ".join([point.policy, *(f"fold {fold}: {policy}" for fold, policy in point.by_fold.items())]),
        )
        for point in points
    ]
    return _table(("cost", "kept", "95 % interval", "policy"), rows)
