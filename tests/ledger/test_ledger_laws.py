"""The laws of accounts, tried by a machine: any order of calls, failures, waits and crashes keeps every limit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from parcae.core.errors import BudgetExceeded
from parcae.core.events import Reserved, Settled
from parcae.core.protocols import Event, Recorded
from parcae.core.usage import Amount, Limits
from parcae.ledger.account import Ledger, open_account
from parcae.ledger.held import Held
from parcae.ledger.refusal import ModelDistrusted
from parcae.ledger.restore import restore
from parcae.store.memory import MemoryJournal
from parcae.testing.crashes import MortalJournal

TICK = 1e-9  # of a dollar: sums of floats in the tests, never in the ledger
ROOT, MEMBERS = "run", ("run", "run/a", "run/b", "run/a/x")
dollars = st.integers(1, 40).map(lambda cents: cents / 100)
shares = st.floats(0.0, 1.0)


@dataclass(slots=True, eq=False)
class Call:
    """A reservation that was granted or is waited for."""

    scope: str
    task: asyncio.Task[Held]
    worst: float


class Accounts(RuleBasedStateMachine):
    """Three limited accounts in a tree, calls in flight, and a journal that can be lost at any write."""

    @initialize(limit=st.integers(20, 200), below=st.integers(10, 100), block=st.sampled_from([None, 0.0, 0.3]))
    def begin(self, limit: int, below: int, block: float | None) -> None:
        self.loop = asyncio.new_event_loop()
        self.journal = MemoryJournal()
        self.limits = {ROOT: limit / 100, "run/a": below / 100, "run/b": None, "run/a/x": None}
        self.block = None if block is None else Amount(usd=block, calls=3)
        self.calls: list[Call] = []
        self.settled: dict[str, float] = dict.fromkeys(MEMBERS, 0.0)
        self.incident = False
        self.mortal = MortalJournal(self.journal, 1 << 30)
        self.tree = self._tree(open_account(ROOT, Limits(usd=self.limits[ROOT]), self.mortal, block=self.block))

    def _tree(self, root: Ledger) -> dict[str, Ledger]:
        a, b = root.child("a", Limits(usd=self.limits["run/a"])), root.child("b")
        return {ROOT: root, "run/a": a, "run/b": b, "run/a/x": a.child("x")}

    def _turn(self) -> None:
        """Let everything that can run do so."""

        async def idle() -> None:
            for _ in range(10):
                await asyncio.sleep(0)

        self.loop.run_until_complete(idle())

    def _granted(self) -> list[Call]:
        return [one for one in self.calls if one.task.done() and one.task.exception() is None]

    # ---- what can happen

    @rule(scope=st.sampled_from(MEMBERS), worst=dollars, keep=st.sampled_from([0.0, 0.05]))
    def reserve(self, scope: str, worst: float, keep: float) -> None:
        account = self.tree[scope]
        wish = account.reserve(Amount(usd=worst, calls=1), keep=Amount(usd=keep), model="m")
        self.calls.append(Call(scope=scope, task=self.loop.create_task(wish), worst=worst))
        self._turn()
        self._drop_refused()

    @precondition(lambda self: self._granted())
    @rule(data=st.data(), share=shares)
    def settle(self, data: st.DataObject, share: float) -> None:
        self._end(data.draw(st.sampled_from(self._granted())), share)

    @precondition(lambda self: self._granted())
    @rule(data=st.data())
    def outcome_unknown(self, data: st.DataObject) -> None:
        self._end(data.draw(st.sampled_from(self._granted())), None)

    @precondition(lambda self: any(not one.task.done() for one in self.calls))
    @rule(data=st.data())
    def cancel_a_wait(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from([one for one in self.calls if not one.task.done()]))
        call.task.cancel()
        self._turn()
        self._drop_refused()

    @rule(scope=st.sampled_from(MEMBERS))
    def release(self, scope: str) -> None:
        self.tree[scope].release()
        self._turn()
        self._drop_refused()

    @rule()
    def pause(self) -> None:
        self.loop.run_until_complete(self.tree[ROOT].close())
        self._turn()
        self._drop_refused()

    @rule(writes_first=st.booleans(), scope=st.sampled_from(MEMBERS), worst=dollars)
    def crash(self, writes_first: bool, scope: str, worst: float) -> None:
        """The process dies at its next write, with every call in flight; another one goes on from the journal."""
        self.mortal.lives, self.mortal.writes_first = 0, writes_first
        fatal = self.loop.create_task(self.tree[scope].reserve(Amount(usd=worst, calls=1), model="m"))
        self._turn()
        self._abandon([fatal, *(one.task for one in self.calls)])
        self.calls = []
        self.mortal = MortalJournal(self.journal, 1 << 30)
        opened = restore(ROOT, Limits(usd=self.limits[ROOT]), self.mortal, block=self.block)
        self.tree = self._tree(self.loop.run_until_complete(opened))
        for known, spent in self.settled.items():
            assert self.tree[known].spent.usd >= spent - TICK, "a settled call was forgotten"

    def _abandon(self, tasks: list[asyncio.Task[Held]]) -> None:
        """Whatever a dead process was waiting for is over; its journal is dead, so nothing is written."""
        self.mortal.dead = True
        for task in tasks:
            task.cancel()

        async def gathered() -> None:
            await asyncio.gather(*tasks, return_exceptions=True)

        self.loop.run_until_complete(gathered())

    # ---- what that does

    def _end(self, call: Call, share: float | None) -> None:
        event = call.task.result().settle(None if share is None else Amount(usd=call.worst * share, calls=1))
        self.loop.run_until_complete(self.mortal.append([event]))
        assert isinstance(event, Settled)
        for scope in MEMBERS:
            if call.scope == scope or call.scope.startswith(f"{scope}/"):
                self.settled[scope] += event.actual.usd
        self.calls.remove(call)
        self._turn()
        self._drop_refused()

    def _drop_refused(self) -> None:
        for call in [one for one in self.calls if one.task.done()]:
            if call.task.cancelled():
                self.calls.remove(call)
            elif (error := call.task.exception()) is not None:
                assert isinstance(error, BudgetExceeded)
                assert not isinstance(error, ModelDistrusted)
                self.calls.remove(call)

    # ---- what must hold

    @invariant()
    def no_limit_is_ever_exceeded(self) -> None:
        for scope, account in self.tree.items():
            limit = self.limits[scope]
            if limit is not None:
                assert account.spent.usd + account.reserved.usd <= limit + TICK, scope
                assert self.settled[scope] <= limit + TICK, scope

    @invariant()
    def what_is_in_flight_is_reserved(self) -> None:
        for scope, account in self.tree.items():
            flying = [one for one in self._granted() if one.scope == scope or one.scope.startswith(f"{scope}/")]
            assert account.reserved.usd >= sum(one.worst for one in flying) - TICK, scope

    @invariant()
    def nobody_waits_while_nothing_is_in_flight(self) -> None:
        if not self._granted():
            assert all(one.task.done() for one in self.calls)

    @invariant()
    def whoever_restores_the_journal_now_finds_no_limit_exceeded_and_nothing_missing(self) -> None:
        events: list[Event] = [one.event for one in self.loop.run_until_complete(self._everything())]
        copy = MemoryJournal()
        self.loop.run_until_complete(copy.append(events))
        root = self.loop.run_until_complete(restore(ROOT, Limits(usd=self.limits[ROOT]), copy))
        for scope, account in self._tree(root).items():
            limit = self.limits[scope]
            assert account.spent.usd >= self.settled[scope] - TICK, scope
            assert limit is None or account.spent.usd <= limit + TICK, scope
            flying = [one for one in self._granted() if one.scope == scope or one.scope.startswith(f"{scope}/")]
            assert account.spent.usd >= self.settled[scope] + sum(one.worst for one in flying) - TICK, scope

    async def _everything(self) -> list[Recorded[Event]]:
        kinds: tuple[type[Event], ...] = (Reserved, Settled)
        return list(await self.journal.read(ROOT, kinds))

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self._abandon([one.task for one in self.calls])
            self.loop.close()


Accounts.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None, derandomize=True)
TestAccounts = Accounts.TestCase
