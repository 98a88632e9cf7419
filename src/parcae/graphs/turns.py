"""What forecasters read of a step: its calls, how much they gave back, what failed, what was answered.

A Turn is the same whether it comes from a live step or from a recording that kept sizes and no texts. It holds
nothing of what came later, so a sequence of turns is a prefix by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from parcae.core.trajectory import Step
from parcae.graphs.nodes import Call, calls_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One step. `observed_chars` and `errors` are sums over its calls; `answer` None: the attempt had not ended."""

    calls: tuple[Call, ...] = ()
    observed_chars: int = 0
    errors: int = 0
    answer: tuple[str, ...] | None = None


@runtime_checkable
class TurnWatch(Protocol):
    """A watch to which a step's turn is enough: whoever has no messages at hand need not make any."""

    def take_turn(self, attempt: int, turn: Turn, model: str) -> None:
        """Take in one more complete step of attempt number `attempt`, made by `model`; the same as `Watch.add`."""
        ...


def turn_of(step: Step) -> Turn:
    """What forecasters read of `step`."""
    return Turn(
        calls=calls_of(step),
        observed_chars=sum(len(observation.content) for observation in step.observations),
        errors=sum(observation.is_error for observation in step.observations),
        answer=None if step.ending is None else tuple(step.ending.answer),
    )
