"""What a skill of the builtin models is: it reads the conversation so far and says what comes next."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol, TypeVar

from parcae.core.protocols import JsonValue
from parcae.models.builtin.talk import Talk

Size = Literal["small", "large"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call that a skill wants made."""

    tool: str
    arguments: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a skill says: text, calls, or both."""

    text: str = ""
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mind:
    """Which of the two models thinks, how freely, and its chance."""

    size: Size
    temperature: float
    rng: random.Random

    def ranked(self, options: Mapping[T, float], *, freedom: float = 1.0) -> list[T]:
        """The options in a random order that prefers high scores: a softmax drawn without replacement.

        Temperature 0 gives the plain order of scores. Source: Gumbel-top-k, Kool et al. 2019 (arXiv:1903.06059).
        """
        scale = self.temperature * freedom
        noisy = {option: score + scale * self._gumbel() for option, score in options.items()}
        return sorted(noisy, key=lambda option: -noisy[option])

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each equally likely."""
        return options[self.rng.randrange(len(options))]

    def _gumbel(self) -> float:
        return -math.log(-math.log(self.rng.random() or 1e-300))


class Skill(Protocol):
    """One thing that builtin models can do."""

    def fits(self, talk: Talk) -> bool:
        """Whether this conversation asks for the skill: by the tools it offers or has used, or by its prompt."""
        ...

    def next(self, talk: Talk, mind: Mind) -> Said:
        """What to say now. A pure function of `talk` and `mind`."""
        ...
