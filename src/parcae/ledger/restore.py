"""An account as its journal tells it: after a crash, and whenever a process takes up what another began.

What was settled is spent. A reservation that was never settled was for a call of unknown outcome: its worst case is
spent. What is left of an open block counts as spent too, unless somebody kept count of the calls that were drawn from
it: then only those do. Both are settled in the journal, so that it is done once. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from parcae.core.events import AccountOpened, Reserved, Settled
from parcae.core.protocols import Event, Journal
from parcae.core.usage import Amount, Limits
from parcae.ledger.account import Ledger
from parcae.ledger.held import AHEAD_CALLS, Tree
from parcae.ledger.units import ZERO, Exact, amount, exact, minus, plus

_KINDS: tuple[type[Event], ...] = (Reserved, Settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A call that was drawn from a block and had not ended when its process did. `held` is its worst case."""

    scope: str
    reservation: str
    block: str
    held: Amount


async def restore(
    scope_id: str,
    limits: Limits,
    journal: Journal,
    *,
    block: Amount | None = None,
    ahead_calls: int = AHEAD_CALLS,
    drawn: Iterable[Drawn] | None = None,
) -> Ledger:
    """The root account `scope_id` with all that was spent in it and below; a fresh one if there is nothing.

    Args:
        scope_id: id of the scope that owns it.
        limits: what it is limited to from now on.
        journal: what is read, and where what was left open is settled.
        block: as for `open_account`.
        ahead_calls: how many calls a block holds at most that is sized by what is left.
        drawn: every call that was drawn from a block and may be missing in the journal; None if nobody kept count.

    Raises:
        StoreFailed: the journal cannot be read or written.
    """
    told = _Told()
    for entry in await journal.read(scope_id, _KINDS):
        told.take(entry.event)
    left = told.left_open(None if drawn is None else [one for one in drawn if _is_in(scope_id, one.scope)])
    tree = Tree(journal=journal, block=None if block is None else exact(block), ahead_calls=ahead_calls)
    account = Ledger(scope_id, limits, tree)
    opened: tuple[Event, ...] = (AccountOpened(scope=scope_id, limits=limits),)
    await journal.append([*left, *opened])
    for event in left:
        told.take(event)
    account._tree.distrusted.update(told.distrusted)
    for scope, spent in told.spent.items():
        _book(account, scope, spent, told.counts.get(scope, 0))
    return account


@dataclass(slots=True)
class _Told:
    """What the journal says of money."""

    spent: dict[str, Exact] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    calls: dict[str, Reserved] = field(default_factory=dict)  # open, each written on its own
    blocks: dict[str, tuple[str, Exact]] = field(default_factory=dict)  # open: its account and what is left
    ended: set[str] = field(default_factory=set)  # drawn from open blocks and settled
    distrusted: dict[str, str] = field(default_factory=dict)  # model -> what it reported

    def take(self, event: Event) -> None:
        """Take one event in, in the journal's order."""
        if isinstance(event, Reserved):
            self._count(event.scope, event.reservation)
            if not event.block:
                self.calls[event.reservation] = event
                return
            left = self.blocks.get(event.reservation, (event.scope, ZERO))[1]
            self.blocks[event.reservation] = (event.scope, plus(left, exact(event.worst)))
        elif isinstance(event, Settled):
            self._settled(event)

    def _settled(self, event: Settled) -> None:
        used = exact(event.actual)
        self.spent[event.scope] = plus(self.spent.get(event.scope, ZERO), used)
        self._count(event.scope, event.reservation)
        self.calls.pop(event.reservation, None)
        block = event.block or event.reservation
        if event.closes:
            self.blocks.pop(block, None)
        elif event.block in self.blocks:
            scope, left = self.blocks[event.block]
            self.blocks[event.block] = (scope, minus(minus(left, used), exact(event.freed)))
            self.ended.add(event.reservation)
        if event.incident is not None:
            self.distrusted.setdefault(event.model, event.incident.partition(" reported ")[2] or event.incident)

    def left_open(self, drawn: Sequence[Drawn] | None) -> Sequence[Settled]:
        """The settlements of what nobody settled."""
        events = [
            Settled(scope=one.scope, reservation=one.reservation, actual=one.worst, model=one.model, known=False)
            for one in self.calls.values()
        ]
        for one in drawn or ():
            if one.block in self.blocks and one.reservation not in self.ended:
                events.append(
                    Settled(scope=one.scope, reservation=one.reservation, actual=one.held, known=False, block=one.block)
                )
        for block, (scope, left) in self.blocks.items():
            rest = amount(left) if drawn is None and min(left) >= 0 else Amount()
            events.append(Settled(scope=scope, reservation=block, actual=rest, known=drawn is not None, closes=True))
        return events

    def _count(self, scope: str, reservation: str) -> None:
        number = reservation.rpartition("#")[2].rstrip("+")
        if number.isdigit():
            self.counts[scope] = max(self.counts.get(scope, 0), int(number))


def _book(root: Ledger, scope: str, spent: Exact, count: int) -> None:
    node = root
    for name in scope.removeprefix(root.id).split("/"):
        if name:
            node = node.child(name)
    node._count = max(node._count, count)
    for account in node._path:
        account._spent = plus(account._spent, spent)


def _is_in(root: str, scope: str) -> bool:
    return scope == root or scope.startswith(f"{root}/")
