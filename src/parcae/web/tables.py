"""Tables that several pages show. Knows nothing of reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from parcae.jobs.report import ModelCost
from parcae.web.markup import Markup, tag


def table(heads: Sequence[str], rows: Sequence[Markup]) -> Markup:
    """`rows` under a row of `heads`."""
    return tag("table", tag("thead", tag("tr", [tag("th", head) for head in heads])), tag("tbody", rows))


def costs_table(by_model: Mapping[str, ModelCost]) -> Markup:
    """What each model did: calls, tokens and US dollars."""
    rows = [
        tag(
            "tr",
            tag("td", name),
            tag("td", cost.calls),
            tag("td", f"{cost.usage.prompt_tokens:,}"),
            tag("td", f"{cost.usage.completion_tokens:,}"),
            tag("td", dollars(cost.cost_usd)),
        )
        for name, cost in by_model.items()
    ]
    return table(("model", "calls", "prompt tokens", "completion tokens", "cost"), rows)


def dollars(cost_usd: float | None) -> str:
    """US dollars to a hundredth of a cent; a model without a price has none."""
    return "price unknown" if cost_usd is None else f"${cost_usd:.4f}"
