"""Models as a table and as a document."""

from __future__ import annotations

from collections.abc import Sequence

from parcae.core.protocols import JsonValue, ModelCard
from parcae.core.usage import Price


def as_document(cards: Sequence[ModelCard], dated: str) -> dict[str, JsonValue]:
    """`parcae.models/1`. Prices are US dollars per million tokens; null is unknown, never 0."""
    return {"schema": "parcae.models/1", "prices": dated, "models": [_entry(card) for card in cards]}


def as_table(cards: Sequence[ModelCard], dated: str) -> str:
    """One line a model."""
    width = max((len(card.name) for card in cards), default=4)
    head = f"{'model':<{width}} {'prompt':>9} {'cached':>9} {'reply':>9} {'window':>10}"
    note = f"US dollars per million tokens; {dated}; nominal prices are nobody's; ? is unknown"
    return "\n".join([head, *(_line(card, width) for card in cards), note])


def _entry(card: ModelCard) -> dict[str, JsonValue]:
    price = card.price
    return {
        "name": card.name,
        "prompt_usd": None if price is None else price.prompt_usd,
        "cached_usd": None if price is None else price.cached_usd,
        "completion_usd": None if price is None else price.completion_usd,
        "request_usd": None if price is None else price.request_usd,
        "above_tokens": None if price is None else price.above_tokens,
        "nominal": price is not None and price.nominal,
        "window_tokens": card.window_tokens,
        "parameters": card.parameters,
        "modalities": sorted(card.modalities),
        "local": card.local,
    }


def _line(card: ModelCard, width: int) -> str:
    price, window = card.price, "?" if card.window_tokens is None else f"{card.window_tokens:,}"
    known = _prices(price) if price is not None else ("?", "?", "?")
    notes = ["nominal"] if price is not None and price.nominal else []
    notes += [f"dearer above {price.above_tokens:,} tokens"] if price is not None and price.above_tokens else []
    figures = " ".join(f"{text:>9}" for text in known)
    return f"{card.name:<{width}} {figures} {window:>10} {', '.join(notes)}".rstrip()


def _prices(price: Price) -> tuple[str, str, str]:
    cached = price.prompt_usd if price.cached_usd is None else price.cached_usd
    return f"{price.prompt_usd:.4g}", f"{cached:.4g}", f"{price.completion_usd:.4g}"
