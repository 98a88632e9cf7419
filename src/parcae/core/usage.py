"""What a model call used, what it costs, and how much may be used. Knows nothing of providers or accounts."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or several calls, as the provider counted them.

    `prompt_tokens` includes `cached_tokens` (read from the provider's cache); `completion_tokens` includes reasoning.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens. `cached_usd` None means that cached tokens cost as much as others.

    `nominal` marks a price that nobody charges (the builtin models). `above` replaces this price for a whole call
    whose prompt is longer than `above_tokens` (long-context tiers); None: one price for every length.
    """

    prompt_usd: float
    completion_usd: float
    cached_usd: float | None = None
    request_usd: float = 0.0
    nominal: bool = False
    above_tokens: int | None = None
    above: Price | None = None

    def cost_usd(self, usage: Usage) -> float:
        """US dollars for `usage` as one call."""
        if self.above is not None and self.above_tokens is not None and usage.prompt_tokens > self.above_tokens:
            return self.above.cost_usd(usage)
        cached_usd = self.prompt_usd if self.cached_usd is None else self.cached_usd
        fresh_tokens = usage.prompt_tokens - usage.cached_tokens
        millions = fresh_tokens * self.prompt_usd + usage.cached_tokens * cached_usd
        return (millions + usage.completion_tokens * self.completion_usd) / 1e6 + self.request_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What is reserved or spent. All four units are counted side by side; dollars are exact to 1e-12."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0
    seconds: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            usd=self.usd + other.usd,
            tokens=self.tokens + other.tokens,
            calls=self.calls + other.calls,
            seconds=self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that an account and everything below it may spend. None means no limit of its own."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None

    def is_open(self) -> bool:
        """Whether nothing is limited."""
        return self.usd is None and self.tokens is None and self.calls is None and self.seconds is None

    def tightest(self, other: Limits) -> Limits:
        """Both at once: in each unit the smaller of the two."""
        units = ((one.name, getattr(self, one.name), getattr(other, one.name)) for one in fields(self))
        both = {name: [one for one in pair if one is not None] for name, *pair in units}
        return Limits(**{name: min(some) for name, some in both.items() if some})
