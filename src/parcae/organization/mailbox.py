"""One employee's inbox: letters lie in it until a turn takes all of them at once. Knows nothing of who may write.

Everything here happens between two awaits of one event loop, so there is no moment at which a letter has arrived and
the sleeper has not been woken. An idle mailbox costs a few hundred bytes and no task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from parcae.organization.events import Sent

State = Literal["idle", "processing", "responding"]


@dataclass(slots=True)
class Mailbox:
    """The letters that wait, oldest first, and what their owner is doing."""

    waiting: list[Sent] | tuple[()] = ()
    state: State = "idle"

    def deliver(self, letter: Sent) -> bool:
        """Put `letter` in; True if its owner must be woken: it was idle and nothing lay here."""
        wake = self.state == "idle" and not self.waiting
        if self.waiting:
            self.waiting.append(letter)
        else:
            self.waiting = [letter]
        return wake

    def drain(self) -> tuple[Sent, ...]:
        """All letters that lie here; newer ones wait for the next turn."""
        taken = tuple(self.waiting)
        self.taken([letter.key for letter in taken])
        return taken

    def taken(self, keys: Sequence[str]) -> None:
        """A turn took these letters (as the journal tells it)."""
        gone = set(keys)
        left = [letter for letter in self.waiting if letter.key not in gone]
        self.waiting = left if left else ()
        self.state = "processing"

    def responds(self) -> None:
        """The model has answered; what it said is being done."""
        self.state = "responding"

    def rests(self) -> bool:
        """The turn is over; True if letters came meanwhile, so that the owner must be woken again."""
        self.state = "idle"
        return bool(self.waiting)
