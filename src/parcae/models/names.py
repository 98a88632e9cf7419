"""The name of a model: PROVIDER:MODEL, PROVIDER:MODEL@URL for a server of one's own, recorded:FILE@NAME for a replay.

Knows nothing of calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from parcae.core.errors import CallerMistake

PROVIDERS = ("openai", "anthropic", "google", "ollama", "builtin", "recorded")
_RECORDED = re.compile(r"(.+?)@((?:openai|anthropic|google|ollama|builtin):.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """A name taken apart. `text` is the whole; `base_url` is None for the provider's own address.

    `live` is the model behind a recording, whose file `model` then is.
    """

    text: str
    provider: str
    model: str
    base_url: str | None = None
    live: ModelName | None = None


def parse_name(text: str) -> ModelName:
    """Take "openai:gpt-4o", "openai:mine@http://127.0.0.1:8000/v1" or "recorded:calls.jsonl@openai:gpt-4o" apart.

    Raises:
        CallerMistake: no such provider, or no model after it.
    """
    provider, colon, rest = text.partition(":")
    if not colon or not rest:
        raise CallerMistake(
            f"{text!r} names no model", "write PROVIDER:MODEL, for example openai:gpt-4o or builtin:small"
        )
    if provider not in PROVIDERS:
        near = get_close_matches(provider, PROVIDERS, n=1)
        meant = f", perhaps you mean {near[0]!r}" if near else ""
        known = ", ".join(PROVIDERS)
        raise CallerMistake(
            f"no provider {provider!r} is known{meant}",
            f"known are {known}; any server that speaks OpenAI's format is openai:MODEL@URL",
        )
    if provider == "recorded":
        return _recorded(text, rest)
    model, base_url = _apart(rest)
    if not model or (base_url is not None and provider == "builtin"):
        raise CallerMistake(f"{text!r} names no model", "write PROVIDER:MODEL or PROVIDER:MODEL@URL")
    return ModelName(text=text, provider=provider, model=model, base_url=base_url)


def _recorded(text: str, rest: str) -> ModelName:
    found = _RECORDED.fullmatch(rest)
    if found is None:
        raise CallerMistake(
            f"{text!r} does not say whose replies it replays",
            "write recorded:FILE@PROVIDER:MODEL, for example recorded:calls.jsonl@openai:gpt-4o",
        )
    return ModelName(text=text, provider="recorded", model=found[1], live=parse_name(found[2]))


def _apart(rest: str) -> tuple[str, str | None]:
    for scheme in ("@http://", "@https://"):
        model, found, address = rest.partition(scheme)
        if found:
            return model, f"{scheme[1:]}{address}".rstrip("/")
    return rest, None
