"""Single attempts from files become groups: those at one task with one set-up belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parcae.graphs.turns import Turn
from parcae.prediction.prefixes import Group, Setup
from parcae.sampling.vote import vote


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt as a file tells of it. `succeeded` None: nobody said."""

    task_id: str
    setup: Setup
    turns: tuple[Turn, ...]
    succeeded: bool | None


def grouped(attempts: Sequence[Attempt]) -> list[Group]:
    """One group a task and set-up, in the order in which they came. See `failed` for its verdict."""
    found: dict[tuple[str, Setup], list[Attempt]] = {}
    for attempt in attempts:
        found.setdefault((attempt.task_id, attempt.setup), []).append(attempt)
    return [
        Group(task_id=task, setup=setup, attempts=tuple(one.turns for one in own), failed=failed(own))
        for (task, setup), own in found.items()
    ]


def failed(attempts: Sequence[Attempt]) -> bool | None:
    """The verdict on the vote: that of an attempt which named the winner; without a vote, whether none succeeded."""
    judged = [one for one in attempts if one.succeeded is not None]
    if not judged:
        return None
    answers = [one.turns[-1].answer or () if one.turns else () for one in attempts]
    winners = vote(answers).candidates
    for one, answer in zip(attempts, answers, strict=True):
        if winners and winners[0].name in answer and one.succeeded is not None:
            return not one.succeeded
    return not any(one.succeeded for one in judged)
