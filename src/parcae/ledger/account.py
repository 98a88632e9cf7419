"""The tree of accounts: reserve the worst case up the tree, call, settle (contract 9).

What an account has is limits minus what was spent, what is reserved, what attempts keep back and what lies in blocks,
here and below, in exact integers. A reservation is durable before it is granted; most are drawn from a block that was
made durable ahead, so that a call in a hot loop costs no write of its own. Everything happens on one event loop, and
nothing is awaited between looking and taking. Knows nothing of models or prices.
"""

from __future__ import annotations

import asyncio
from collections import deque

from parcae.core.errors import BudgetExceeded
from parcae.core.events import AccountOpened, Reserved, Settled
from parcae.core.protocols import Journal
from parcae.core.usage import Amount, Limits
from parcae.ledger.held import NOTHING, Block, Held, Tree, Waiter
from parcae.ledger.refusal import ModelDistrusted
from parcae.ledger.units import UNITS, ZERO, Exact, amount, at_least_zero, bounds, covers, exact, minus, plus, shown

SHARE_OF_ROOM = 32  # a block holds at most this part of the tightest room on the way up


class Ledger:
    """An Account: a node in the tree. Made by `open_account`, `free_account`, `restore.restore` and `child`."""

    __slots__ = (
        "_block",
        "_bounds",
        "_children",
        "_count",
        "_flying",
        "_held",
        "_kept",
        "_path",
        "_spent",
        "_tree",
        "_waiters",
        "id",
        "limited",
        "limits",
    )

    def __init__(self, account_id: str, limits: Limits, tree: Tree, parent: Ledger | None = None) -> None:
        self.id, self._tree = account_id, tree
        self._path: tuple[Ledger, ...] = (self,) if parent is None else (self, *parent._path)
        self._children: dict[str, Ledger] = {}
        self._spent = self._held = self._kept = ZERO
        self._flying = self._count = 0
        self._waiters: deque[Waiter] = deque()
        self._block: Block | None = None
        self.limits, self.limited = limits, frozenset[str]()
        self._bounds: tuple[tuple[int, int], ...] = ()
        self.limit(limits)

    def limit(self, limits: Limits) -> None:
        """Put `limits` in the place of what this account was limited to."""
        self.limits, self._bounds = limits, bounds(limits)
        above: frozenset[str] = frozenset() if len(self._path) == 1 else self._path[1].limited
        self.limited = above | {UNITS[unit] for unit, _ in self._bounds}
        for child in self._children.values():
            child.limit(child.limits)

    @property
    def spent(self) -> Amount:
        """What was settled here and below."""
        return amount(self._spent)

    @property
    def reserved(self) -> Amount:
        """What is set aside here and below: calls in flight, blocks, and what attempts keep back."""
        return amount(self._held)

    @property
    def flying(self) -> int:
        """How many calls of it and below are under way."""
        return self._flying

    def child(self, name: str, limits: Limits = Limits()) -> Ledger:
        """The sub-account `name`; the same one whenever asked again. Limits count the first time that any are given."""
        known = self._children.get(name)
        if known is not None:
            if known.limits.is_open() and not limits.is_open():  # it was restored, or asked for in passing, before
                known.limit(limits)
            return known
        child = self._children[name] = Ledger(f"{self.id}/{name}", limits, self._tree, self)
        if self._tree.journal is not None and not limits.is_open():
            self._tree.pending.append(AccountOpened(scope=child.id, limits=limits))
        return child

    async def reserve(self, worst: Amount, *, keep: Amount = NOTHING, model: str = "") -> Held:
        """Set `worst` aside up the tree, durably; see `Account.reserve`.

        Raises:
            BudgetExceeded: it does not fit and nothing in flight could make room.
            ModelDistrusted: this model reported more than was reserved for it before.
        """
        need = exact(worst)
        self._count += 1
        reservation = f"{self.id}#{self._count}"
        if not self.limited:
            self._fly(1)
            return Held(self, reservation, worst, need, model, None)
        if model in self._tree.distrusted:
            raise ModelDistrusted(self.id, model, self._tree.distrusted[model])
        keeping = ZERO if keep == NOTHING else exact(keep)
        block = self._block
        if block is not None and covers(block.free, need) and self._blocker(minus(keeping, self._kept)) is None:
            self._keep(keeping)
            return Held(self, reservation, worst, need, model, self._draw(block, need))
        await self._room(need, keeping)
        return await self._made_durable(reservation, worst, need, model)

    def release(self) -> None:
        """Keep nothing back any more: the attempt that owns this account is over."""
        self._keep(ZERO)

    async def close(self) -> None:
        """Give back what lies in blocks here and below, durably. Call it when the run ends or pauses."""
        self._reclaim(self)
        events = self._tree.take_pending()
        if events and self._tree.journal is not None:
            await self._tree.journal.append(events)

    # ---- looking and taking: nothing here is awaited

    def _blocker(self, delta: Exact) -> Ledger | None:
        """The first account on the way up that has no room for `delta`, or where others wait for room before it."""
        for node in self._path:
            for unit, most in node._bounds:
                more = delta[unit]
                if more > 0 and (node._waiters or node._spent[unit] + node._held[unit] + more > most):
                    return node
        return None

    def _full(self, delta: Exact) -> Ledger | None:
        """The first account on the way up that has no room for `delta`, whoever waits."""
        for node in self._path:
            for unit, most in node._bounds:
                more = delta[unit]
                if more > 0 and node._spent[unit] + node._held[unit] + more > most:
                    return node
        return None

    def _hold(self, delta: Exact) -> None:
        for node in self._path:
            node._held = plus(node._held, delta)

    def _fly(self, calls: int) -> None:
        for node in self._path:
            node._flying += calls

    def _keep(self, keeping: Exact) -> None:
        if keeping == self._kept:
            return
        delta, self._kept = minus(keeping, self._kept), keeping
        self._hold(delta)
        if min(delta) < 0:
            self._pump()

    def _take(self, need: Exact, keeping: Exact) -> None:
        """Hold `need`, and `keeping` in place of what was kept."""
        self._hold(plus(need, minus(keeping, self._kept)))
        self._kept = keeping
        self._fly(1)

    def _draw(self, block: Block, need: Exact) -> Block:
        block.free = minus(block.free, need)
        block.drawn += 1
        self._fly(1)
        return block

    def _book(self, need: Exact, used: Exact, block: Block | None) -> bool:
        """Book `used` for a call that held `need`; True if its block ends with it."""
        freed, closes = need, False
        if block is not None:
            block.drawn -= 1
            if block.closing:
                closes = block.drawn == 0 and self._tree.blocks.pop(block.id, None) is not None
            else:
                back = at_least_zero(minus(need, used))
                block.free, freed = plus(block.free, back), minus(need, back)
        for node in self._path:
            node._spent = plus(node._spent, used)
            if self.limited:
                node._held = minus(node._held, freed)
            node._flying -= 1
        self._pump()
        return closes

    def _overrun(self, need: Exact, used: Exact, model: str) -> str | None:
        """What was wrong with a report of more than was reserved; the model is distrusted from now on."""
        over = [unit for unit in range(4) if used[unit] > need[unit] and UNITS[unit] in self.limited]
        if not over:
            return None
        unit = over[0]
        what = f"{shown(unit, used[unit]):g} {UNITS[unit]} where at most {shown(unit, need[unit]):g} were possible"
        self._tree.distrusted.setdefault(model, what)
        return f"{model or 'a call'} reported {what}"

    # ---- waiting

    async def _room(self, need: Exact, keeping: Exact) -> None:
        """Wait until `need` fits beside `keeping`, and take it. Raises BudgetExceeded when it never can."""
        delta = plus(need, minus(keeping, self._kept))
        blocker = self._blocker(delta)
        if blocker is not None and not blocker._waiters:
            self._reclaim(blocker)
            blocker = self._blocker(delta)
        if blocker is None:
            self._take(need, keeping)
            return
        waiter = Waiter(account=self, need=need, keep=keeping, granted=asyncio.get_running_loop().create_future())
        blocker._waiters.append(waiter)
        blocker._serve()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled() and waiter.granted.exception() is None:
                self._book(need, ZERO, None)
            raise

    def _pump(self) -> None:
        for node in self._path:
            if node._waiters:
                node._serve()

    def _serve(self) -> None:
        """Grant, move on or refuse those who wait here, first come first served."""
        while self._waiters:
            waiter = self._waiters[0]
            if waiter.granted.done():
                self._waiters.popleft()
                continue
            account = waiter.account
            delta = plus(waiter.need, minus(waiter.keep, account._kept))
            full = account._full(delta)
            if full is not None:
                self._reclaim(full)
                full = account._full(delta)
            if full is None:
                self._waiters.popleft()
                account._take(waiter.need, waiter.keep)
                waiter.granted.set_result(True)
            elif full._flying == 0:
                self._waiters.popleft()
                waiter.granted.set_exception(full._exceeded(delta))
            elif full is not self:
                self._waiters.popleft()
                full._waiters.append(waiter)
            else:
                return

    def _exceeded(self, delta: Exact) -> BudgetExceeded:
        for unit, most in self._bounds:
            taken = self._spent[unit] + self._held[unit]
            if delta[unit] > 0 and taken + delta[unit] > most:
                return BudgetExceeded(
                    self.id, UNITS[unit], shown(unit, taken), shown(unit, most), shown(unit, delta[unit])
                )
        raise AssertionError("only an account without room refuses")

    # ---- durability and blocks

    async def _made_durable(self, reservation: str, worst: Amount, need: Exact, model: str) -> Held:
        """Write what was taken, with more for the calls to come where there is room."""
        tree = self._tree
        if tree.journal is None:
            return Held(self, reservation, worst, need, model, None)
        ahead = self._ahead(need)
        block = self._open_block(reservation) if ahead is not None else None
        event = Reserved(
            scope=self.id,
            reservation=reservation if block is None else block.id,
            worst=worst if ahead is None else amount(plus(need, ahead)),
            model=model,
            block=block is not None,
        )
        if ahead is not None:
            self._hold(ahead)
        if block is not None:
            block.drawn += 1
        try:
            await tree.journal.append([*tree.take_pending(), event])
        except BaseException:
            self._undo(event, need, ahead, block)
            raise
        if block is not None and ahead is not None:
            self._fill(block, ahead)
        return Held(self, reservation, worst, need, model, block)

    def _ahead(self, need: Exact) -> Exact | None:
        """How much more than `need` to set aside in a block; None if one call is all that should be held."""
        if self._tree.block is not None:
            ahead = at_least_zero(minus(self._tree.block, need))
            return ahead if self._tree.block != ZERO and self._full(ahead) is None else None
        calls = self._tree.ahead_calls - 1
        for node in self._path:
            for unit, most in node._bounds:
                if need[unit]:
                    room = most - node._spent[unit] - node._held[unit]
                    calls = min(calls, room // (need[unit] * SHARE_OF_ROOM))
        return (need[0] * calls, need[1] * calls, need[2] * calls, need[3] * calls) if calls > 0 else None

    def _open_block(self, reservation: str) -> Block:
        block = self._block
        if block is None or block.closing:
            block = self._block = Block(id=f"{reservation}+", owner=self)
            self._tree.blocks[block.id] = block
        return block

    def _fill(self, block: Block, ahead: Exact) -> None:
        """The block's money is durable now and may be drawn; unless somebody reclaimed it meanwhile."""
        if block.closing:
            self._hold(minus(ZERO, ahead))
            self._pump()
        else:
            block.free = plus(block.free, ahead)

    def _undo(self, event: Reserved, need: Exact, ahead: Exact | None, block: Block | None) -> None:
        """The write failed or was cancelled: nothing is held, and should the event have been written, it is undone."""
        if ahead is not None:
            self._hold(minus(ZERO, ahead))
        if block is None:
            self._tree.pending.append(Settled(scope=self.id, reservation=event.reservation, actual=NOTHING))
            self._book(need, ZERO, None)
            return
        block.drawn -= 1
        self._book(need, ZERO, None)
        self._reclaim_block(block)

    def _reclaim(self, node: Ledger) -> None:
        """Take back what lies undrawn in the blocks under `node`."""
        for block in [one for one in self._tree.blocks.values() if node in one.owner._path]:
            self._reclaim_block(block)

    def _reclaim_block(self, block: Block) -> None:
        if not block.closing:
            if block.drawn and block.free != ZERO:
                freed = Settled(
                    scope=block.owner.id, reservation=block.id, actual=NOTHING, block=block.id, freed=amount(block.free)
                )
                self._tree.pending.append(freed)
            block.owner._hold(minus(ZERO, block.free))
            block.free, block.closing = ZERO, True
            if block.owner._block is block:
                block.owner._block = None
        if block.drawn == 0 and self._tree.blocks.pop(block.id, None) is not None:
            self._tree.pending.append(Settled(scope=block.owner.id, reservation=block.id, actual=NOTHING, closes=True))


def open_account(scope_id: str, limits: Limits, journal: Journal, *, block: Amount | None = None) -> Ledger:
    """The root account of a new run, journalled.

    Args:
        scope_id: id of the scope that owns it.
        limits: the most that may be spent here and below; None in a unit means no limit.
        journal: where reservations become durable before they are granted.
        block: how much is reserved ahead for one account at a time; None sizes blocks by what is left, zero means
            that every reservation is written on its own.

    To go on after a crash use `restore.restore`.
    """
    account = Ledger(scope_id, limits, Tree(journal=journal, block=None if block is None else exact(block)))
    account._tree.pending.append(AccountOpened(scope=scope_id, limits=limits))
    return account


def free_account(scope_id: str) -> Ledger:
    """An account that only counts: no limit, no journal. Its children may have limits, kept in memory."""
    return Ledger(scope_id, Limits(), Tree(journal=None))
