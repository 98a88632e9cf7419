"""What an attempt did, step by step: the one value that everything hangs on. Knows nothing of stores or models.

Messages are pydantic-ai's, named here for type checkers only, so that importing stays light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from parcae.core.usage import Usage

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

EndingReason = Literal["answered", "no_answer", "stopped", "cancelled", "failed", "limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended. `answer` holds what it named, in its own order; `detail` says why, for people."""

    reason: EndingReason
    answer: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one tool call gave back. `call_id` is the id that the model gave the call."""

    call_id: str
    tool: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One turn: what was asked, what the model replied, what the tools gave back.

    `model` names who replied: a model, "harness" for the forced first call (`reply` then holds the call that the
    harness made), or "group" for a composite's decision (`reply` is None). `asked` is what the harness said before
    this reply, on top of the observations of the step before; None if nothing. `cost_usd` None means no price is
    known. `commit` is the workspace commit after the step; None if it had no effect on files.
    A step is open while an observation is missing; only complete steps are yielded.
    """

    model: str
    asked: str | None = None
    reply: ModelResponse | None = None
    observations: tuple[Observation, ...] = ()
    usage: Usage = Usage()
    cost_usd: float | None = 0.0
    commit: str | None = None
    ending: Ending | None = None

    def missing(self) -> tuple[str, ...]:
        """The ids of the tool calls that have no observation yet."""
        if self.reply is None:
            return ()
        done = {observation.call_id for observation in self.observations}
        return tuple(call.tool_call_id for call in self.reply.tool_calls if call.tool_call_id not in done)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """Everything one attempt did, in order. A pure value: ids and timestamps live in `store`.

    `shared`: a fork has its first so many steps from the attempt that it was forked from, where they are paid.
    """

    task_id: str
    steps: tuple[Step, ...] = ()
    ending: Ending | None = None  # None while the attempt still runs
    shared: int = 0

    @property
    def own(self) -> tuple[Step, ...]:
        """The steps that were made and paid here."""
        return self.steps[self.shared :]

    def prefix(self, turns: int) -> Trajectory:
        """What was known after `turns` steps: an ending only if the attempt had ended by then."""
        if turns < 0:
            raise ValueError(f"turns must be 0 or more, not {turns}")
        if turns >= len(self.steps):
            return self
        return replace(self, steps=self.steps[:turns], ending=None, shared=min(self.shared, turns))

    def extended(self, step: Step) -> Trajectory:
        """This trajectory after one more complete step."""
        return replace(self, steps=(*self.steps, step), ending=step.ending)


def usage_of(steps: Sequence[Step]) -> Usage:
    """The tokens of all `steps` together."""
    return sum((step.usage for step in steps), Usage())


def cost_of(steps: Sequence[Step]) -> float | None:
    """US dollars of all `steps` together; None if the price of any is unknown."""
    costs = [step.cost_usd for step in steps]
    return None if None in costs else sum(cost for cost in costs if cost is not None)
