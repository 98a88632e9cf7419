"""What is known of a model before it is called: price, window, size. From genai-prices, then the user's own table.

Offline: genai-prices ships its data. An unknown price stays None, and then a dollar limit refuses the model. Knows
nothing of how a model is called.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Modality, ModelCard
from parcae.core.usage import Price
from parcae.models.limits import Rates
from parcae.models.names import ModelName, parse_name

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

NOMINAL = {
    "builtin:small": Price(prompt_usd=0.15, completion_usd=0.60, nominal=True),
    "builtin:large": Price(prompt_usd=2.50, completion_usd=10.0, nominal=True),
}
FREE = Price(prompt_usd=0.0, completion_usd=0.0)
_TEXT: frozenset[Modality] = frozenset({"text"})
_PAPER: frozenset[Modality] = frozenset({"text", "image", "document"})
_ALL: frozenset[Modality] = frozenset({"text", "image", "audio", "document"})
_SEES = {  # which model families read images and documents, by their makers' model pages (2025-11)
    "openai": (re.compile(r"gpt-4o|gpt-4\.1|gpt-4-turbo|gpt-5|o1(?!-mini)|o3(?!-mini)|o4"), _PAPER),
    "anthropic": (re.compile(r"claude-(?!2|instant)"), _PAPER),
    "google": (re.compile(r"gemini-(?!1\.0)"), _ALL),
}
_KEYS = {
    "prompt_usd",
    "completion_usd",
    "cached_usd",
    "written_usd",
    "hour_usd",
    "request_usd",
    "window_tokens",
    "parameters",
    "modalities",
    "local",
}
_RATES = {"concurrency", "requests_per_minute", "tokens_per_minute"}
_COUNTS = (*sorted(_RATES), "window_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nothing:
    pass


class Catalog:
    """Cards and rates by model name. `overrides` replace what genai-prices knows, field by field where given."""

    def __init__(
        self,
        overrides: Mapping[str, ModelCard] = MappingProxyType({}),
        *,
        rates: Mapping[str, Rates] = MappingProxyType({}),
    ) -> None:
        self._overrides, self._rates = dict(overrides), dict(rates)
        self._cards: dict[str, ModelCard] = {}

    @property
    def named(self) -> tuple[str, ...]:
        """The models that the user's own table names."""
        return tuple(self._overrides)

    def names(self) -> tuple[str, ...]:
        """Every name that can be given without an address: ours, the user's, then those with published prices."""
        return tuple(dict.fromkeys([*NOMINAL, *self.named, *published_names()]))

    def card(self, name: str) -> ModelCard:
        """What is known of `name`, such as "openai:gpt-4o".

        Raises:
            CallerMistake: `name` is not of the form PROVIDER:MODEL.
        """
        if name not in self._cards:
            live = parse_name(name).live
            base = published(parse_name(name)) if live is None else replace(self.card(live.text), name=name)
            self._cards[name] = _joined(base, self._overrides.get(name))
        return self._cards[name]

    def rates(self, name: str) -> Rates:
        """How often `name` may be called; no limits unless the user's table sets some."""
        return self._rates.get(name, Rates())


def load_catalog(path: Path | None) -> Catalog:
    """The catalog with the user's table from `path`; None: genai-prices alone.

    Raises:
        CallerMistake: the file is missing or says something unknown, named with the cure.
    """
    if path is None:
        return Catalog()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CallerMistake(
            f"the catalog {path} cannot be read: {error.strerror}",
            "mend PARCAE_CATALOG, or `catalog` in your parcae.toml",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallerMistake(f"{path} is not valid TOML: {error}", "mend it") from None
    models = document.get("models", {})
    if set(document) - {"models"} or not isinstance(models, dict):
        raise CallerMistake(f"{path} must hold tables [models.NAME] only", 'for example [models."openai:gpt-4o"]')
    cards, rates = {}, {}
    for name, body in models.items():
        parse_name(name)
        if not isinstance(body, dict):
            raise CallerMistake(f"{path}: models.{name} must be a table", f'write [models."{name}"]')
        cards[name], rates[name] = _parsed(name, body, f'{path}: [models."{name}"]')
    return Catalog(cards, rates=rates)


def prices_dated() -> str:
    """Where prices come from and how old they are, for people. The package gives no date, but changes have theirs."""
    from genai_prices.data_snapshot import get_snapshot

    today = datetime.now(UTC).date()
    changes = [
        changed
        for provider in get_snapshot().providers
        for model in provider.models
        for price in (model.prices if isinstance(model.prices, list) else ())
        if (changed := getattr(price.constraint, "start_date", None)) is not None and changed <= today
    ]
    newest = f", newest dated change {max(changes)}" if changes else ""
    return f"genai-prices {metadata.version('genai-prices')}{newest}"


# ---- what is published ----------------------------------------------------------------------------------------------


def published(name: ModelName) -> ModelCard:
    """What genai-prices knows of a model, and what its name says of its size."""
    if name.provider == "builtin":
        return ModelCard(name=name.text, price=NOMINAL.get(name.text), window_tokens=None, local=True)
    local = name.provider == "ollama"
    info = None if local else _find(name)
    return ModelCard(
        name=name.text,
        price=FREE if local else None if info is None else _price(info),
        window_tokens=None if info is None else info.context_window,
        parameters=_parameters(name.model),
        modalities=_modalities(name),
        local=local,
    )


def published_names() -> tuple[str, ...]:
    """PROVIDER:MODEL of every text model that genai-prices has a price for."""
    from genai_prices.data_snapshot import get_snapshot

    providers = {one.id: one for one in get_snapshot().providers}
    names = [
        f"{provider}:{model.id}"
        for provider in ("openai", "anthropic", "google")
        for model in providers[provider].models
        if not model.deprecated
    ]
    return tuple(name for name in names if published(parse_name(name)).price is not None)


def _find(name: ModelName) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    provider = None if name.base_url else name.provider
    try:
        _, info = get_snapshot().find_provider_model(name.model, None, provider, name.base_url)
    except LookupError:
        return None
    return info


def _price(info: ModelInfo) -> Price | None:
    return _priced(info.get_prices(datetime.now(UTC)), 0)


def _priced(prices: ModelPrice, above_tokens: int) -> Price | None:
    """The price of a prompt longer than `above_tokens`, with the tiers above it."""
    prompt, completion = _at(prices.input_mtok, above_tokens), _at(prices.output_mtok, above_tokens)
    if prompt is None or completion is None:
        return None
    starts = [
        tier.start
        for price in (prices.input_mtok, prices.output_mtok, prices.cache_read_mtok, prices.cache_write_mtok)
        for tier in getattr(price, "tiers", ())
        if tier.start > above_tokens
    ]
    above = _priced(prices, min(starts)) if starts else None
    request_usd = _at(prices.requests_kcount, above_tokens)
    return Price(
        prompt_usd=prompt,
        completion_usd=completion,
        cached_usd=_at(prices.cache_read_mtok, above_tokens),
        request_usd=0.0 if request_usd is None else request_usd / 1000,
        above_tokens=min(starts) if above else None,
        above=above,
        written_usd=_at(prices.cache_write_mtok, above_tokens),
        hour_usd=_at(prices.cache_write_1h_mtok, above_tokens),
    )


def _at(price: object, above_tokens: int) -> float | None:
    if price is None:
        return None
    tiers = getattr(price, "tiers", None)
    if tiers is None:
        return float(cast(float, price))
    reached = [tier.price for tier in tiers if tier.start <= above_tokens and above_tokens]
    return float(reached[-1] if reached else price.base)  # type: ignore[attr-defined]  # only TieredPrices has tiers


def _parameters(model: str) -> float | None:
    """Billions in a name such as "llama-3.3-70b"; a mixture such as "8x7b" says no total."""
    found = re.search(r"(?<![0-9.x])([0-9]+(?:\.[0-9]+)?)b(?![a-z0-9])", model.lower())
    return float(found.group(1)) * 1e9 if found and "x" + found.group(0) not in model.lower() else None


def _modalities(name: ModelName) -> frozenset[Modality]:
    pattern, modalities = _SEES.get(name.provider, (None, _TEXT))
    return modalities if pattern is not None and not name.base_url and pattern.match(name.model) else _TEXT


# ---- the user's table -----------------------------------------------------------------------------------------------


def _joined(base: ModelCard, mine: ModelCard | None) -> ModelCard:
    if mine is None:
        return base
    known = {
        key: value for key in ("price", "window_tokens", "parameters") if (value := getattr(mine, key)) is not None
    }
    if mine.modalities != _TEXT:
        known["modalities"] = mine.modalities
    return replace(base, local=mine.local or base.local, **known)


def _parsed(name: str, body: Mapping[str, object], where: str) -> tuple[ModelCard, Rates]:
    for key in body:
        if key not in _KEYS | _RATES:
            raise CallerMistake(f"{where}: unknown key `{key}`", f"known are {', '.join(sorted(_KEYS | _RATES))}")
    number = {key: _number(body, key, where) for key in (_KEYS | _RATES) - {"modalities", "local"}}
    for key in _COUNTS:
        if (count := number[key]) is not None and (count < 1 or count != int(count)):
            raise CallerMistake(f"{where}: `{key}` must be a whole number of 1 or more, not {count:g}", "mend it")
    price = None
    if number["prompt_usd"] is not None or number["completion_usd"] is not None:
        if number["prompt_usd"] is None or number["completion_usd"] is None:
            raise CallerMistake(f"{where}: a price needs both `prompt_usd` and `completion_usd`", "add the other one")
        price = Price(
            prompt_usd=number["prompt_usd"],
            completion_usd=number["completion_usd"],
            cached_usd=number["cached_usd"],
            request_usd=number["request_usd"] or 0.0,
            written_usd=number["written_usd"],
            hour_usd=number["hour_usd"],
        )
    card = ModelCard(
        name=name,
        price=price,
        window_tokens=_whole(number["window_tokens"]),
        parameters=number["parameters"],
        modalities=_told_modalities(body, where),
        local=body.get("local") is True,
    )
    return card, Rates(**{key: _whole(number[key]) for key in _RATES})


def _number(body: Mapping[str, object], key: str, where: str) -> float | None:
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise CallerMistake(f"{where}: `{key}` must be a number of 0 or more, not {value!r}", "mend it")
    return float(value)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _told_modalities(body: Mapping[str, object], where: str) -> frozenset[Modality]:
    told = body.get("modalities", ["text"])
    if not isinstance(told, list) or not set(told) <= _ALL:
        raise CallerMistake(f"{where}: `modalities` must be a list of {', '.join(sorted(_ALL))}", "mend it")
    return frozenset(told) | _TEXT
