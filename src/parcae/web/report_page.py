"""The self-contained page of a job: what was found, what it cost, where it swapped, and every step to read.

Contains no script and loads nothing; whatever agents wrote is escaped. Knows nothing of how the report came about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from parcae.core.trajectory import Step
from parcae.jobs.report import Attempt, Patch, Report, Suspect
from parcae.web.forecast_svg import draw_forecasts
from parcae.web.graph_svg import Edge, Node, draw
from parcae.web.markup import Markup, page, tag
from parcae.web.reliability_svg import Reliability, draw_reliability
from parcae.web.style import STYLE
from parcae.web.tables import costs_table, table


def report_page(
    report: Report, nodes: Sequence[Node] = (), edges: Sequence[Edge] = (), reliability: Reliability = ()
) -> str:
    """The whole page as HTML text.

    `nodes` and `edges` are the merged graph of the attempts, `reliability` the points of the forecaster's card.
    """
    swap_steps = sorted({max(swap.looked_at, default=0) for swap in report.swaps})
    graph = tag("figure", draw(nodes, edges, swap_steps=swap_steps), class_="scroll") if nodes else None
    return page(
        f"parcae {report.kind}: {report.title}",
        STYLE,
        tag(
            "main",
            _head(report),
            _suspects(report.suspects),
            _patches(report.patches),
            _section("What it cost", costs_table(report.by_model), _baseline(report)),
            _section("What was decided", _decisions(report), _priced(report), _reliable(report, reliability)),
            _section("The attempts as one graph", tag("p", GRAPH_LEGEND), graph),
            _section("Every step", tag("div", [_attempt(attempt) for attempt in report.attempts])),
            tag("footer", f"run {report.run}, written by Parcae"),
        ),
    )


GRAPH_LEGEND = (
    "Each box is something that attempts did; equal calls of different attempts share a box. A thick line was taken "
    "often; an orange ring marks steps that a stronger model made after a swap. Point at a box to read it."
)


def _head(report: Report) -> Markup:
    cost = "unknown" if report.cost_usd is None else f"${report.cost_usd:.4f}"
    nominal = " (nominal prices)" if any(cost.nominal for cost in report.by_model.values()) else ""
    facts = f"{report.status} · confidence {report.confidence:.2f} · {len(report.attempts)} attempts · {cost}{nominal}"
    return tag(
        "header",
        tag("h1", report.title),
        tag("p", facts, class_="facts"),
        [tag("p", note, class_="note") for note in report.notes],
        tag("details", tag("summary", "What was asked"), tag("pre", report.question)),
    )


def _section(title: str, *body: Markup | None) -> Markup:
    return tag("section", tag("h2", title), *body)


def _suspects(suspects: Sequence[Suspect]) -> Markup:
    if not suspects:
        return _section("No answer", tag("p", "No attempt named anything that is covered by the failing test."))
    rows = [
        tag(
            "tr",
            tag("td", rank),
            tag("td", tag("code", suspect.name)),
            tag("td", "" if suspect.file is None else f"{suspect.file}:{suspect.line}"),
            tag("td", tag("meter", min=0, max=1, value=f"{suspect.score:.3f}"), f" {suspect.score:.2f}"),
        )
        for rank, suspect in enumerate(suspects, start=1)
    ]
    return _section("Suspects", table(("", "name", "where", "share of the vote"), rows))


def _patches(patches: Sequence[Patch]) -> Markup | None:
    if not patches:
        return None
    shown = [
        tag(
            "details",
            tag("summary", f"{_verdict(patch)} · {patch.votes} attempts · {patch.size} lines"),
            tag("pre", patch.diff),
            open="" if place == 0 else None,
        )
        for place, patch in enumerate(patches)
    ]
    return _section("Patches", *shown)


def _verdict(patch: Patch) -> str:
    if patch.plausible:
        return "the test passes and nothing else fails"
    return f"breaks {', '.join(patch.broken[:5])}" if patch.passes else "the test still fails"


def _baseline(report: Report) -> Markup:
    baseline = report.baseline
    cost = "an unknown amount" if baseline.cost_usd is None else f"${baseline.cost_usd:.4f}"
    how = "estimated from this run's tokens; its answer was not computed" if baseline.estimated else "measured"
    return tag("p", f"All attempts on {baseline.model} would have cost {cost} ({how}).")


def _priced(report: Report) -> Markup | None:
    """The arithmetic of a price-aware rule, one sentence a decision; None where no such rule decided."""
    sentences = [one.why for one in report.decisions if "a solved task" in one.why]
    if not sentences:
        return None
    return tag("div", tag("h3", "What one more attempt was worth"), tag("ol", [tag("li", why) for why in sentences]))


def _reliable(report: Report, points: Reliability) -> Markup | None:
    """How far the forecaster's word can be taken; None where it said nothing or nobody measured it."""
    if not points or not report.forecasts:
        return None
    forecasts = sum(point[2] for point in points)
    words = (
        f"{forecasts:.0f} forecasts on tasks that training had not seen: of those that said about the same, how many "
        "came true. A dot on the line means as many as they said; a larger dot stands for more forecasts."
    )
    return tag(
        "div",
        tag("h3", "How often such forecasts came true"),
        tag("figure", draw_reliability(points), class_="scroll"),
        tag("p", words),
    )


def _decisions(report: Report) -> Markup:
    looks = [
        tag(
            "li",
            f"after {list(one.looked_at)} steps: {one.p_fail:.0%} likely to fail (trust {one.trust:.0%}). "
            f"{' '.join(one.reasons)}",
        )
        for one in report.forecasts
    ]
    swaps = [
        tag("li", tag("strong", f"{swap.action} to {swap.to_model}"), f": attempts {list(swap.attempts)}. {swap.why}")
        for swap in report.swaps
    ]
    if not looks and not swaps:
        return tag("p", "Nothing was swapped.")
    swapped = frozenset(swap.looked_at for swap in report.swaps)
    drawn = tag("figure", draw_forecasts(report.forecasts, swapped), class_="scroll") if report.forecasts else None
    return tag("div", drawn, tag("ul", looks, swaps))


def _attempt(attempt: Attempt) -> Markup:
    ending = attempt.trajectory.ending
    end = "still open" if ending is None else f"{ending.reason}: {', '.join(ending.answer) or 'nothing named'}"
    summary = tag("summary", tag("strong", attempt.name), f" · {len(attempt.trajectory.steps)} steps · {end}")
    return tag("details", summary, tag("ol", [_step(step) for step in attempt.trajectory.steps]))


def _step(step: Step) -> Markup:
    cost = "" if not step.cost_usd else f" · ${step.cost_usd:.5f}"
    said = "" if step.reply is None else step.reply.text or ""
    calls = [] if step.reply is None else list(step.reply.tool_calls)
    results = {observation.call_id: observation for observation in step.observations}
    return tag(
        "li",
        tag("p", f"{step.model}{cost}", class_="by"),
        tag("pre", step.asked, class_="asked") if step.asked else None,
        tag("pre", said) if said else None,
        [
            tag(
                "details",
                tag("summary", tag("code", f"{call.tool_name}({_arguments(call.args)})")),
                tag("pre", results[call.tool_call_id].content if call.tool_call_id in results else "no result"),
            )
            for call in calls
        ],
    )


def _arguments(args: object) -> str:
    return args if isinstance(args, str) else json.dumps(args or {}, ensure_ascii=False)
