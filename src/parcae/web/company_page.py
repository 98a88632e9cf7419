"""The self-contained page of an organisation's run: who worked at what, what was decided, what it made and cost.

Contains no script and loads nothing; whatever agents wrote is escaped. Knows nothing of how the report came about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from parcae.organization.report import RunReport, Worked, side_by_side, told_turn
from parcae.web.markup import Markup, page, tag
from parcae.web.style import STYLE
from parcae.web.tables import costs_table, dollars, table

MOST_CHARS = 20_000  # of one file
OPEN_LEVELS = 2  # of the tree, when the page is opened


def company_page(report: RunReport, texts: Mapping[str, str | None] | None = None) -> str:
    """The whole page as HTML text. `texts` are the files that were made; None for one that is no text."""
    return page(
        f"parcae run: {report.goal}",
        STYLE,
        tag(
            "main",
            _head(report),
            _section("Who worked", _tree(report)),
            _section("What it cost", _costs(report)),
            _section("Attempts: what was forecast and decided", _decisions(report)),
            _section("Reviews", _reviews(report)),
            _section("What went wrong, and what was done", _incidents(report)),
            _section("What was made", _files(report, texts or {})),
            tag("footer", f"run {report.run}, written by Parcae"),
        ),
    )


def _section(title: str, *body: Markup | None) -> Markup:
    return tag("section", tag("h2", title), *body)


def _head(report: RunReport) -> Markup:
    nominal = " (nominal prices)" if any(cost.nominal for cost in report.by_model.values()) else ""
    facts = (
        f"{report.status} · {len(report.employees)} agents · {report.depth} levels · "
        f"{dollars(report.cost_usd)}{nominal} · {report.seconds:.1f} seconds"
    )
    return tag(
        "header",
        tag("h1", report.goal),
        tag("p", facts, class_="facts"),
        tag("p", report.detail, class_="note") if report.detail else None,
        [tag("p", note, class_="note") for note in report.notes],
        tag("pre", report.answer[0]) if report.answer else None,
    )


# ---- people


def _tree(report: RunReport) -> Markup:
    """Everybody below whoever hired them; the first levels are open."""
    below: dict[str, list[Worked]] = {}
    for one in report.employees:
        below.setdefault(one.by, []).append(one)
    return tag("div", [_person(one, below) for one in below.get("", [])])


def _person(one: Worked, below: Mapping[str, Sequence[Worked]]) -> Markup:
    people = below.get(one.name, [])
    under = f" · {len(people)} report to it" if people else ""
    summary = tag(
        "summary",
        tag("strong", one.name),
        f" · {one.status} · {one.turns} turns, {one.steps} steps · {dollars(one.cost_usd)}{under}",
    )
    return tag(
        "details",
        summary,
        tag("p", f"{one.role}, on {' and '.join(one.models) or 'no model'}", class_="by"),
        tag("pre", one.task, class_="asked"),
        tag("pre", one.result) if one.result else None,
        tag("div", [_person(other, below) for other in people], style="padding-left: 22px") if people else None,
        open="" if one.depth <= OPEN_LEVELS else None,
    )


# ---- figures


def _costs(report: RunReport) -> Markup:
    return tag("div", costs_table(report.by_model), _beside(report))


def _beside(report: RunReport) -> Markup | None:
    """The organisation and one agent alone at the same goal, if one ran."""
    rows = [
        tag(
            "tr",
            *(tag("td", text) for text in (one.who, one.status, dollars(one.cost_usd), f"{one.seconds:.1f}")),
            tag("td", one.steps),
            tag("td", tag("pre", one.result)),
        )
        for one in side_by_side(report)
    ]
    return table(("who tried", "status", "cost", "seconds", "steps", "result"), rows) if rows else None


def _decisions(report: RunReport) -> Markup:
    rows = [
        tag("tr", *(tag("td", text) for text in (*told_turn(one.scope), f"{p_fail:.0%}", one.action, one.why)))
        for one, p_fail in report.decisions
    ]
    if not rows:
        return tag("p", "Every turn was one attempt that nobody watched: the plan wants no more.")
    return table(("who", "turn", "likely to fail", "then", "why"), rows)


def _reviews(report: RunReport) -> Markup:
    accepted = sum(one.accepted for one in report.reviews)
    sent_back = [one for one in report.reviews if not one.accepted]
    said = f"{len(report.reviews)} results were judged: {accepted} accepted, {len(sent_back)} sent back."
    rows = [
        tag("tr", tag("td", told_turn(one.scope)[0]), tag("td", one.by or "the company"), tag("td", one.reasons))
        for one in sent_back
    ]
    return tag("div", tag("p", said), table(("whose", "by", "reasons"), rows) if rows else None)


def _incidents(report: RunReport) -> Markup:
    rows = [
        tag("tr", *(tag("td", text) for text in (told_turn(one.scope)[0], one.detector, one.what, one.cure)))
        for one in report.incidents
    ]
    return table(("who", "seen by", "what", "cure"), rows) if rows else tag("p", "Nothing was noticed.")


def _files(report: RunReport, texts: Mapping[str, str | None]) -> Markup:
    if not report.files:
        return tag("p", "No file.")
    shown = []
    for file in report.files:
        text = texts.get(file.path)
        cut = "" if text is None or len(text) <= MOST_CHARS else f"\n[{len(text) - MOST_CHARS:,} more characters]"
        shown.append(
            tag(
                "details",
                tag("summary", tag("code", file.path), f" · by {file.author}"),
                tag("p", "no text") if text is None else tag("pre", text[:MOST_CHARS] + cut),
            )
        )
    return tag("div", shown)
