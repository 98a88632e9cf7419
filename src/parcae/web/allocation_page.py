"""The self-contained page of an allocation: the choice, the cost/quality frontier, sample curves, insights, decisions.

Contains no script and loads nothing. Knows nothing of how the search went on.
"""

from __future__ import annotations

from collections.abc import Sequence

from parcae.allocation.result import Result, Scored
from parcae.web.markup import Markup, page, tag
from parcae.web.style import STYLE

WIDTH, HEIGHT, PAD = 640, 300, 48
COLOURS = ("#1f5fbf", "#c2570c", "#2c7a4b", "#8b3fa0", "#9a7b00", "#b03048")
OWN_STYLE = """
svg .axis { stroke: var(--line); } svg .bar { stroke: var(--dim); stroke-opacity: .5; }
svg .step { fill: none; stroke: var(--link); stroke-width: 1.6; } svg .dot { fill: var(--link); }
svg .dot.best { fill: var(--swap); } figure { margin: 0; }
"""


def allocation_page(result: Result) -> str:
    """The whole page as HTML text."""
    return page(
        f"parcae allocate: {result.pipeline}",
        STYLE + OWN_STYLE,
        tag(
            "main",
            _head(result),
            tag("section", tag("h2", "The choice"), _choice(result)),
            tag("section", tag("h2", "Cost and quality"), _frontier(result)),
            tag("section", tag("h2", "Samples"), _curves(result)),
            tag(
                "section",
                tag("h2", "What the insights say here"),
                tag("ul", [tag("li", str(one)) for one in (*result.insights, *result.contributions)]),
            ),
            tag(
                "section",
                tag("h2", "What was tried and why"),
                tag("ol", [tag("li", why) for why in result.decisions]),
            ),
            tag("footer", f"run {result.run}, written by Parcae"),
        ),
    )


def _held_out(result: Result) -> list[Markup]:
    own = result.held_out
    if own is None:
        return []
    interval = f"{own.score:.3f} [{own.low:.3f}, {own.high:.3f}]"
    return [tag("p", f"On {own.items} items that the search never saw it scores {interval}.", class_="facts")]


def _head(result: Result) -> Markup:
    nominal = " (nominal prices)" if result.nominal else ""
    facts = f"{result.status} · {result.calls} new samples · ${result.spent_usd:.4f}{nominal}"
    return tag(
        "header",
        tag("h1", result.pipeline),
        tag("p", facts, class_="facts"),
        _held_out(result),
        [tag("p", note, class_="note") for note in result.notes],
        [tag("p", f"{model} was dropped from {stage}: {why}", class_="note") for stage, model, why in result.dropped],
    )


def _choice(result: Result) -> Markup:
    if result.best is None:
        return tag("p", "Nothing was scored.")
    rows = [("best", result.best), *([("runner-up", result.runner_up)] if result.runner_up else [])]
    low, high = result.difference
    differ = "They differ" if result.differ else "They do not surely differ"
    return tag(
        "div",
        _table([(name, one) for name, one in rows]),
        tag("p", f"{differ}: best minus runner-up is between {low:+.3f} and {high:+.3f}.") if len(rows) > 1 else None,
        tag("p", f"The promise: {result.guarantee}, among {result.compared} of {result.feasible} configurations."),
    )


def _table(rows: Sequence[tuple[str, Scored]]) -> Markup:
    heads = ("", "stages", "score", "interval", "cost an item", "items")
    body = [
        tag(
            "tr",
            tag("td", name),
            tag("td", [tag("div", f"{stage}: {model} x{samples}") for stage, model, samples in one.stages]),
            tag("td", f"{one.score:.3f}"),
            tag("td", f"{one.low:.3f} to {one.high:.3f}"),
            tag("td", "unknown" if one.cost is None else f"${one.cost:.5f}"),
            tag("td", one.items),
        )
        for name, one in rows
    ]
    return tag("table", tag("thead", tag("tr", [tag("th", head) for head in heads])), tag("tbody", body))


def _frontier(result: Result) -> Markup:
    points = [one for one in result.frontier if one.cost is not None]
    if not points:
        return tag("p", "No configuration has both a score and a known cost yet.")
    top = max(one.cost or 0.0 for one in points) or 1.0
    best = None if result.best is None else result.best.configuration
    drawn: list[Markup] = _axes("dollars an item", top)
    line = []
    for one in points:
        x, y = _x((one.cost or 0.0) / top), _y(one.score)
        line.append(f"{x:.1f},{y:.1f}")
        dot = "dot best" if one.configuration == best else "dot"
        drawn.append(tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=_y(one.low), y2=_y(one.high), class_="bar"))
        drawn.append(tag("circle", tag("title", _told(one)), cx=f"{x:.1f}", cy=f"{y:.1f}", r=5, class_=dot))
    drawn.append(tag("polyline", points=" ".join(line), class_="step"))
    return tag("figure", _svg(drawn), _table([(str(place), one) for place, one in enumerate(points, start=1)]))


def _curves(result: Result) -> Markup:
    stages = list(dict.fromkeys(stage for stage, _, _, _ in result.curves))
    return tag("div", [_curve(stage, result) for stage in stages]) if stages else tag("p", "No curve yet.")


def _curve(stage: str, result: Result) -> Markup:
    rows = [(model, samples, score) for one, model, samples, score in result.curves if one == stage]
    most = max(samples for _, samples, _ in rows)
    drawn = _axes("samples", float(most))
    models = list(dict.fromkeys(model for model, _, _ in rows))
    for number, model in enumerate(models):
        own = sorted((samples, score) for name, samples, score in rows if name == model)
        colour = COLOURS[number % len(COLOURS)]
        points = [(_x(samples / most), _y(score)) for samples, score in own]
        told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn.append(tag("polyline", points=told, fill="none", stroke=colour, stroke_width=1.6))
        drawn += [tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3, fill=colour) for x, y in points]
        drawn.append(tag("text", model, x=PAD + 8, y=PAD / 2 + 14 * number, fill=colour))
    return tag("figure", tag("figcaption", f"{stage}: believed score, the other stages as chosen"), _svg(drawn))


def _axes(label: str, top: float) -> list[Markup]:
    bottom, right = HEIGHT - PAD, WIDTH - PAD / 2
    return [
        tag("line", x1=PAD, x2=right, y1=bottom, y2=bottom, class_="axis"),
        tag("line", x1=PAD, x2=PAD, y1=PAD / 2, y2=bottom, class_="axis"),
        tag("text", "1", x=PAD - 18, y=_y(1.0) + 4),
        tag("text", "0", x=PAD - 18, y=bottom),
        tag("text", f"{label}, up to {top:.4g}", x=PAD, y=HEIGHT - 16),
    ]


def _svg(drawn: Sequence[Markup]) -> Markup:
    return tag("svg", list(drawn), viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, height=HEIGHT, role="img")


def _told(one: Scored) -> str:
    return ", ".join(f"{stage}: {model} x{samples}" for stage, model, samples in one.stages)


def _x(share: float) -> float:
    return PAD + share * (WIDTH - 1.5 * PAD)


def _y(score: float) -> float:
    return round(HEIGHT - PAD - min(max(score, 0.0), 1.0) * (HEIGHT - 1.5 * PAD), 1)
