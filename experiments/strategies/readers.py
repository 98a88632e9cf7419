"""Searches by a language model without AgentTTS's insights: zero-shot, AgentHPO-like and MLCopilot-like.

They share AgentTTS's prompt, parser and repairs, so that tables compare what is read and not how it is parsed. They
need a Model; no table here holds figures of them, since no language model could be called where the tables were made.
"""

from __future__ import annotations

from dataclasses import dataclass

from parcae.allocation.history import History, Proposal
from parcae.allocation.strategies.agenttts import AgentTts
from parcae.core.protocols import Model
from parcae.core.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """`rounds` of `batch` trials that the model names after reading the archive, without any insight."""

    model: Model
    scope: Scope
    rounds: int
    batch: int

    async def propose(self, history: History) -> Proposal | None:
        if len(history.rounds) >= self.rounds:
            return None
        plain = AgentTts(model=self.model, scope=self.scope, rounds=self.rounds, batch=self.batch, insights=frozenset())
        return await plain.propose(history)

    def choose(self, history: History) -> int:
        return history.best()


def zero_shot(model: Model, scope: Scope, *, trials: int = 50) -> Reader:
    """All trials in one answer, nothing read back."""
    return Reader(model=model, scope=scope, rounds=1, batch=trials)


def agent_hpo(model: Model, scope: Scope, *, trials: int = 50) -> Reader:
    """AgentHPO-like: one trial at a time, each after reading the log of all before it."""
    return Reader(model=model, scope=scope, rounds=trials, batch=1)


def ml_copilot(model: Model, scope: Scope, *, trials: int = 50) -> Reader:
    """MLCopilot-like: few rounds of many trials after a summary of what was seen."""
    return Reader(model=model, scope=scope, rounds=5, batch=trials // 5)
