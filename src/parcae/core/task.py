"""What is asked, and what is answered. Knows nothing of how the answer is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to be done.

    `kind` names the agent it is for ("locate", "repair", "goal", ...). `question` is what the model reads first.
    `details` are facts that the agent's prompts use. `covering[n]`: how many failing tests reach the possible answer n,
    where those are known before any attempt; forecasts use it, prompts do not. `comparable` says whether answers of
    several attempts can be compared by a vote; if not, a runnable check ranks them, and without one the task runs one
    attempt (contract 5).
    """

    id: str
    kind: str
    question: str
    details: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    covering: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    comparable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One thing that attempts named, with its share of the vote in [0, 1]."""

    name: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the attempts agreed on: candidates, best first."""

    candidates: tuple[Candidate, ...] = ()
    attempts: int = 0

    @property
    def confidence(self) -> float:
        """The largest share of the vote (AutoFL's confidence, PAPERS section 1)."""
        return max((candidate.score for candidate in self.candidates), default=0.0)
