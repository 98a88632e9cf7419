"""What a model call used, what it costs, and how much may be used. Knows nothing of providers or accounts."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or several calls, as the provider counted them.

    `prompt_tokens` includes `cached_tokens` (read from the provider's cache) and `written_tokens` (written to it), and
    the latter `hour_tokens` (to be kept for an hour); `completion_tokens` includes reasoning.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    written_tokens: int = 0
    hour_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            written_tokens=self.written_tokens + other.written_tokens,
            hour_tokens=self.hour_tokens + other.hour_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens. `cached_usd` None means that cached tokens cost as much as others.

    `written_usd` is for tokens that are written to the provider's cache, `hour_usd` for those to be kept there for an
    hour; None: as much as the others, and as much as any that are written.

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
    written_usd: float | None = None
    hour_usd: float | None = None

    def cost_usd(self, usage: Usage) -> float:
        """US dollars for `usage` as one call."""
        if self.above is not None and self.above_tokens is not None and usage.prompt_tokens > self.above_tokens:
            return self.above.cost_usd(usage)
        cached_usd = self.prompt_usd if self.cached_usd is None else self.cached_usd
        written_usd = self.prompt_usd if self.written_usd is None else self.written_usd
        hour_usd = written_usd if self.hour_usd is None else self.hour_usd
        fresh_tokens = usage.prompt_tokens - usage.cached_tokens - usage.written_tokens
        millions = fresh_tokens * self.prompt_usd + usage.cached_tokens * cached_usd
        millions += (usage.written_tokens - usage.hour_tokens) * written_usd + usage.hour_tokens * hour_usd
        return (millions + usage.completion_tokens * self.completion_usd) / 1e6 + self.request_usd

    def most_usd(self, usage: Usage, *, writes: bool = True) -> float:
        """The cost of `usage` at the dearest rate that any part of it can have: cached or not, in any tier of length.

        `writes`: some of it may be written to the provider's cache.
        """
        written_usd = max(self.written_usd or 0.0, self.hour_usd or 0.0) if writes else 0.0
        prompt_usd = max(self.prompt_usd, self.cached_usd or 0.0, written_usd)
        tokens_usd = usage.prompt_tokens * prompt_usd + usage.completion_tokens * self.completion_usd
        here = tokens_usd / 1e6 + self.request_usd
        return here if self.above is None else max(here, self.above.most_usd(usage, writes=writes))


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
