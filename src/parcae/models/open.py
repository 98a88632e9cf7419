"""From a model's name to a Model that can be asked; loads a provider's library only when its model is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Model
from parcae.models.catalog import Catalog
from parcae.models.names import ModelName, parse_name

KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "ollama": ("OLLAMA_API_KEY",),
}
OLLAMA_URL = "http://127.0.0.1:11434/v1"


def open_model(name: str, *, catalog: Catalog, env: Mapping[str, str]) -> Model:
    """The model `name`: "openai:…", "anthropic:…", "google:…", "ollama:…", "openai:MODEL@URL", "builtin:small|large" or
    "recorded:FILE@NAME", which asks NAME for what FILE does not hold, and keeps it there.

    Keys come from `env`; a server of one's own and Ollama need none. OPENAI_BASE_URL, ANTHROPIC_BASE_URL,
    GOOGLE_BASE_URL and OLLAMA_BASE_URL move a provider's address.

    Raises:
        CallerMistake: the name is unknown, or its key is missing.
    """
    parsed = parse_name(name)
    if parsed.provider == "builtin":
        from parcae.models.builtin import builtin

        return builtin(name)
    if parsed.live is not None:
        return _recorded(parsed, parsed.live.text, catalog=catalog, env=env)
    from parcae.models.provider import open_provider

    base_url = parsed.base_url or env.get(f"{parsed.provider.upper()}_BASE_URL")
    if parsed.provider == "ollama":
        base_url = base_url or OLLAMA_URL
    return open_provider(
        parsed,
        card=catalog.card(name),
        rates=catalog.rates(name),
        key=_key(parsed.provider, env, needed=parsed.base_url is None and parsed.provider != "ollama"),
        base_url=base_url,
    )


def _recorded(name: ModelName, live: str, *, catalog: Catalog, env: Mapping[str, str]) -> Model:
    """A replay needs no key: without one, only what was never recorded is an error."""
    from parcae.models.recorded import RecordedModel, Recording

    recording = Recording(Path(name.model))
    try:
        asked = open_model(live, catalog=catalog, env=env)
    except CallerMistake:
        if not len(recording):
            raise
        asked = None
    else:
        recording.begin()
    return RecordedModel(live, recording, live=asked, card=catalog.card(name.text))


def _key(provider: str, env: Mapping[str, str], *, needed: bool) -> str:
    for variable in KEYS[provider]:
        if key := env.get(variable):
            return key
    if needed:
        raise CallerMistake(
            f"there is no key for {provider}", f"set {KEYS[provider][0]}, or use builtin:small, which needs none"
        )
    return "none"
