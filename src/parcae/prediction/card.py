"""The card of a fitted forecaster: what it was trained on, how well it does, and for whom it is meant."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from parcae.core.errors import CallerMistake

FORMAT = "parcae.forecaster/2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a file says of itself.

    `kind`: which forecaster. `agent`: the kind of task ("locate"). `tools`: the vocabulary it knows. `models`: whose
    attempts it saw. `data_hash`: sha256 of the examples. `looks`: when it was trained to look. `low` and `high` bound
    the middle 98 % of each of `features` in training. `metrics`: on tasks that it had not seen, beside the baselines'.
    `stop_above`: the forecast above which stopping costs at most 5 % of the successes; None: too few to say.
    `reliability`: (low, high, tasks, mean forecast, failure rate) of each interval of forecasts on unseen tasks.
    `embedder`: for graphs. `calibration`: how scores became probabilities.
    """

    kind: str
    agent: str
    tools: tuple[str, ...]
    models: tuple[str, ...]
    data_hash: str
    seed: int
    folds: int
    tasks: int
    examples: int
    failure_rate: float
    looks: tuple[str, ...]
    features: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: MappingProxyType({}))
    reliability: tuple[tuple[float, ...], ...] = ()
    stop_above: float | None = None
    calibration: str = "none"
    embedder: str = ""
    setting: str = ""
    format: str = FORMAT


def card_text(card: Card) -> str:
    """The card as JSON."""
    body = {one.name: getattr(card, one.name) for one in dataclasses.fields(card)}
    body["metrics"] = {name: dict(values) for name, values in card.metrics.items()}
    return json.dumps(body, sort_keys=True)


def card_from(text: str, *, source: str) -> Card:
    """The card that `text` holds.

    Raises:
        CallerMistake: another version, or no card at all.
    """
    try:
        body = json.loads(text)
        found = body.get("format") if isinstance(body, dict) else None
        if found != FORMAT:
            raise CallerMistake(
                f"{source} is a forecaster of format {found!r}, this Parcae reads {FORMAT}",
                "train it again with `parcae train`",
            )
        names = {one.name for one in dataclasses.fields(Card)}
        whole: dict[str, Any] = {name: _frozen(value) for name, value in body.items() if name in names}
        return Card(**whole)
    except (ValueError, TypeError) as error:
        raise CallerMistake(f"{source} holds no forecaster: {error}", "train it again with `parcae train`") from None


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
