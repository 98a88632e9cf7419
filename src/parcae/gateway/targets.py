"""From the name of a model to where its calls go: an upstream over HTTP, or a Model of this process.

Knows nothing of requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Model, ModelCard
from parcae.gateway.dialect import Dialect
from parcae.gateway.upstream import Gate, Upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One rung. `model` is what the upstream calls it; `upstream` None means a Model of this process."""

    name: str
    model: str
    card: ModelCard
    upstream: Upstream | None
    gate: Gate
    local: bool

    def takes(self, dialect: Dialect) -> bool:
        """Whether bytes of this protocol go through as they are."""
        return (
            self.upstream is not None
            and self.upstream.family == dialect.family
            and (dialect.path != "/responses" or self.upstream.responses)
        )


class Targets:
    """Finds targets by name and remembers them."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        *,
        card: Callable[[str], ModelCard],
        open_model: Callable[[Target], Model],
    ) -> None:
        self._upstreams, self._card, self._open = upstreams, card, open_model
        self._gates = {name: Gate(name, up.max_in_flight, up.queue) for name, up in upstreams.items()}
        self._here = Gate("builtin", 64, 4096)
        self._known: dict[str, Target] = {}
        self._models: dict[str, Model] = {}

    @property
    def gates(self) -> Mapping[str, Gate]:
        """The gate of every upstream."""
        return {**self._gates, "builtin": self._here}

    def find(self, name: str) -> Target:
        """The target `name`, such as "openai:gpt-4o" or "builtin:small". Raises CallerMistake."""
        if name not in self._known:
            self._known[name] = self._found(name)
        return self._known[name]

    def model(self, target: Target) -> Model:
        """The target as a Model, for requests that its upstream does not take as they are. Raises CallerMistake."""
        if target.name not in self._models:
            self._models[target.name] = self._open(target)
        return self._models[target.name]

    async def close(self) -> None:
        """Close the connections of every model that was opened."""
        for model in self._models.values():
            close = getattr(model, "close", None)
            if close is not None:
                await close()

    def _found(self, name: str) -> Target:
        provider, colon, model = name.partition(":")
        if not colon or not model:
            raise CallerMistake(f"{name!r} names no model", "write UPSTREAM:MODEL, or the name of a virtual model")
        upstream = self._upstreams.get(provider)
        if upstream is not None:
            card = self._card_of(name)
            local = upstream.local or card.local
            gate = self._gates[provider]
            return Target(name=name, model=model, card=card, upstream=upstream, gate=gate, local=local)
        if provider not in ("builtin", "google"):
            raise CallerMistake(
                f"{name!r}: there is no upstream {provider!r}", f"add [upstreams.{provider}], or name one that is there"
            )
        card = self._card_of(name)
        return Target(name=name, model=model, card=card, upstream=None, gate=self._here, local=card.local)

    def _card_of(self, name: str) -> ModelCard:
        try:
            return self._card(name)
        except CallerMistake:
            return ModelCard(name=name)
