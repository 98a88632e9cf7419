"""What enters the next prompt: an attempt's steps as messages. Knows nothing of models, tools or journals.

Messages are only ever added, and the same objects stay in the list, so that a model may keep what it mapped before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    SystemPromptPart,
    ToolReturnPart,
    UserPromptPart,
)

from parcae.core.trajectory import Observation, Step

CUT = "[left out: the budget does not allow the whole text]"


class Talk(Protocol):
    """What the loop needs of a conversation: see `Conversation`, which keeps all, and `context.Digest`."""

    def add(self, step: Step) -> None:
        """Take in one more step."""
        ...

    def asking(self, asked: str | None) -> list[ModelMessage]:
        """The messages of the next prompt, with `asked` as the newest question."""
        ...

    def asking_briefly(self, asked: str | None) -> list[ModelMessage]:
        """The same with the newest observations left out: for the final question when money is short."""
        ...


class Conversation:
    """The messages of one attempt, in order; `waiting` will open the next request."""

    def __init__(self, system: str, steps: Sequence[Step]) -> None:
        self.messages: list[ModelMessage] = []
        self.waiting: list[ModelRequestPart] = [SystemPromptPart(content=system)] if system else []
        self._asking: tuple[str | None, ModelRequest] | None = None
        for step in steps:
            self.add(step)

    def add(self, step: Step) -> None:
        """Take in one more step: what was asked, the reply, and what the tools gave back."""
        if step.reply is None:
            return
        self.messages.append(self._newest(step.asked))
        self.messages.append(step.reply)
        self.waiting, self._asking = returns(step), None

    def asking(self, asked: str | None) -> list[ModelMessage]:
        """The whole conversation with `asked` as the newest question."""
        return [*self.messages, self._newest(asked)]

    def asking_briefly(self, asked: str | None) -> list[ModelMessage]:
        """The same with the newest observations left out: for the final question when money is short."""
        brief: list[ModelRequestPart] = [emptied(part) for part in self.waiting]
        return [*self.messages, self._request(asked, brief)]

    def _newest(self, asked: str | None) -> ModelRequest:
        """The newest request; the one that was asked is the one that is kept, so that it is mapped once."""
        if self._asking is None or self._asking[0] != asked:
            self._asking = (asked, self._request(asked, self.waiting))
        return self._asking[1]

    @staticmethod
    def _request(asked: str | None, parts: list[ModelRequestPart]) -> ModelRequest:
        return ModelRequest(parts=parts if asked is None else [*parts, UserPromptPart(content=asked)])


def returns(step: Step) -> list[ModelRequestPart]:
    """The observations of `step` as the parts that answer its calls."""
    return [_returned(observation) for observation in step.observations]


def _returned(observation: Observation) -> ToolReturnPart:
    return ToolReturnPart(
        tool_name=observation.tool,
        content=observation.content,
        tool_call_id=observation.call_id,
        outcome="failed" if observation.is_error else "success",
    )


def emptied(part: ModelRequestPart) -> ModelRequestPart:
    """`part` without what a tool gave back, if it is such."""
    if isinstance(part, ToolReturnPart):
        return ToolReturnPart(tool_name=part.tool_name, content=CUT, tool_call_id=part.tool_call_id)
    return part
