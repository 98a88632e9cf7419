"""What employees remember from one turn to the next. Knows nothing of how memories are searched.

Only work on models with a known window is remembered and folded: the builtin models read a conversation as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from parcae.agents.remembering import Memories, Remembering
from parcae.core.protocols import Model, Worker
from parcae.organization.chart import Employee
from parcae.organization.turns import Recall

_TURN = re.compile(r"/turn-\d+(/|$)")


def employee_scope(scope: str) -> str:
    """The scope of the employee that a turn, or an attempt in it, belongs to."""
    return _TURN.split(scope, maxsplit=1)[0]


def remembering(worker: Worker, ladder: Sequence[Model], memories: Memories) -> Worker:
    """`worker`, whose steps are kept for the employee if one of its models is a language model."""
    if not any(model.card.window_tokens for model in ladder):
        return worker
    return Remembering(worker, memories, whose=employee_scope)


def recalled_from(memories: Memories) -> Recall:
    """What an employee remembers that matters to the letters it got."""

    def recall(who: Employee, text: str) -> Sequence[str]:
        return memories.recall(who.scope, f"{who.order.task}\n{text}")

    return recall
