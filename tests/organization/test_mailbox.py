"""The mailbox as a state machine: whatever is delivered, drained and ended in whatever order, nothing is lost."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from parcae.organization.events import Sent
from parcae.organization.mailbox import Mailbox


class MailboxMachine(RuleBasedStateMachine):
    """Beside the mailbox stands the plainest model of it. `queued` is the owner's place in the queue of turns."""

    def __init__(self) -> None:
        super().__init__()
        self.box, self.number, self.queued = Mailbox(), 0, False
        self.waiting: list[str] = []
        self.read: list[str] = []

    @rule(count=st.integers(1, 25))
    def letters_arrive(self, count: int) -> None:
        for _ in range(count):
            self.number += 1
            letter = Sent(scope="r/a", key=str(self.number), sender="b", to="a", what="message", text="x")
            self.queued |= self.box.deliver(letter)
            self.waiting.append(letter.key)

    @precondition(lambda self: self.queued)
    @rule()
    def a_turn_begins(self) -> None:
        self.queued = False
        taken = [letter.key for letter in self.box.drain()]
        assert taken == self.waiting, "a turn takes all that lies there, in order"
        self.read += taken
        self.waiting = []

    @precondition(lambda self: self.box.state == "processing")
    @rule()
    def the_model_answers(self) -> None:
        self.box.responds()

    @precondition(lambda self: self.box.state != "idle")
    @rule()
    def a_turn_ends(self) -> None:
        self.queued |= self.box.rests()

    @invariant()
    def nobody_sleeps_over_letters(self) -> None:
        assert not self.waiting or self.queued or self.box.state != "idle"

    @invariant()
    def everything_is_read_once_and_in_order(self) -> None:
        assert self.read + [letter.key for letter in self.box.waiting] == [str(n + 1) for n in range(self.number)]


TestMailbox = MailboxMachine.TestCase
TestMailbox.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
