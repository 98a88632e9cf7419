"""The card of a fitted forecaster: what it was trained on, how well it does, and for whom it is meant."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from parcae.core.errors import CallerMistake

NAME, VERSION = "parcae.forecaster", 2
FORMAT = f"{NAME}/{VERSION}"
TEXTS = ("kind", "agent", "data_hash", "calibration", "embedder", "setting")
LISTS = ("tools", "models", "looks", "features", "taken_by")
COUNTS = ("seed", "folds", "tasks", "examples")
A_BIN = 5  # numbers of one interval of `reliability`


class EarlierFormat(CallerMistake):
    """A forecaster for tasks of kind `agent`, of a format that an earlier Parcae wrote. `args` ends with the agent."""

    def __init__(self, what: str, cure: str, agent: str) -> None:
        super().__init__(what, cure)
        self.args, self.agent = (what, cure, agent), agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a file says of itself.

    `kind`: which forecaster. `agent`: the kind of task ("locate"). `tools`: the vocabulary it knows. `models`: whose
    attempts it saw. `taken_by`: which models went on after them, if it learned from swapped runs. `data_hash`: sha256
    of the examples. `looks`: when it was trained to look. `low` and `high` bound the middle 98 % of each of `features`
    in training. `metrics`: on tasks that it had not seen, beside the baselines'. `stop_above`: the forecast above which
    stopping costs at most 5 % of the successes; None: too few to say. `reliability`: (low, high, tasks, mean forecast,
    failure rate) of each interval of forecasts on unseen tasks. `embedder`: for graphs. `calibration`: how scores
    became probabilities.
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
    taken_by: tuple[str, ...] = ()
    format: str = FORMAT


def card_text(card: Card) -> str:
    """The card as JSON."""
    body = {one.name: getattr(card, one.name) for one in dataclasses.fields(card)}
    body["metrics"] = {name: dict(values) for name, values in card.metrics.items()}
    return json.dumps(body, sort_keys=True)


def card_from(text: str, *, source: str) -> Card:
    """The card that `text` holds, fit to forecast by.

    Raises:
        EarlierFormat: an earlier version.
        CallerMistake: a later version, or no card at all.
        ValueError: a card that holds something else than a card does.
    """
    body = json.loads(text)
    found = body.get("format") if isinstance(body, dict) else None
    if found != FORMAT:
        what = f"{source} is a forecaster of format {found!r}, this Parcae reads {FORMAT}"
        cure = "train it again with `parcae train`"
        raise EarlierFormat(what, cure, str(body.get("agent"))) if _is_earlier(found) else CallerMistake(what, cure)
    names = {one.name for one in dataclasses.fields(Card)}
    whole: dict[str, Any] = {name: _frozen(value) for name, value in body.items() if name in names}
    _check(whole)
    return Card(**whole)


def _is_earlier(found: object) -> bool:
    return found in [f"{NAME}/{version}" for version in range(1, VERSION)]


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


# ---- what a card must hold ----------------------------------------------------------------------------------------


def _check(body: Mapping[str, Any]) -> None:
    for one in dataclasses.fields(Card):
        if one.name not in body and one.default is one.default_factory is dataclasses.MISSING:
            raise ValueError(f"its card has no `{one.name}`")
    right = {
        **{name: isinstance(body.get(name, ""), str) for name in TEXTS},
        **{name: _all(str, body.get(name, ())) for name in LISTS},
        **{name: isinstance(body[name], int) for name in COUNTS},
        **{name: _numbers(body[name]) and len(body[name]) == len(body["features"]) for name in ("low", "high")},
        "failure_rate": _numbers((body["failure_rate"],)),
        "stop_above": body.get("stop_above") is None or _numbers((body["stop_above"],)),
        "reliability": _all(tuple, bins := body.get("reliability", ()))
        and all(len(one) == A_BIN and _numbers(one) for one in bins),
        "metrics": isinstance(figures := body.get("metrics", {}), dict)
        and all(isinstance(own, dict) and _all(int | float, tuple(own.values())) for own in figures.values()),
    }
    wrong = [name for name, is_right in right.items() if not is_right]
    if wrong:
        raise ValueError(f"its card does not say {', '.join(f'`{name}`' for name in wrong)} as cards do")


def _all(kind: Any, values: object) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, kind) for value in values)


def _numbers(values: object) -> bool:
    return isinstance(values, tuple) and _all(int | float, values) and all(map(math.isfinite, values))
