"""What the accounts of one tree share and hand out: blocks, those who wait for room, and money held for a call.

Knows nothing of how room is found; see `account`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parcae.core.events import Settled
from parcae.core.protocols import Event, Journal
from parcae.core.usage import Amount
from parcae.ledger.units import ZERO, Exact, amount, at_least_zero, exact, minus

if TYPE_CHECKING:
    from parcae.ledger.account import Ledger

NOTHING = Amount()
AHEAD_CALLS = 16  # a block holds this many calls at most, unless its tree says otherwise


@dataclass(slots=True, kw_only=True)
class Tree:
    """What the accounts of one tree share."""

    journal: Journal | None
    block: Exact | None = None  # None: blocks are sized by what is left; zero: no blocks
    pending: list[Event] = field(default_factory=list)  # to be written with the next reservation
    ahead_calls: int = AHEAD_CALLS
    distrusted: dict[str, str] = field(default_factory=dict)  # model -> what it did
    blocks: dict[str, Block] = field(default_factory=dict)

    def take_pending(self) -> list[Event]:
        """The events that wait for the next write."""
        pending, self.pending = self.pending, []
        return pending


@dataclass(slots=True, kw_only=True, eq=False)
class Block:
    """Money that was durably reserved for several calls of one account. `free` is not drawn now."""

    id: str
    owner: Ledger
    free: Exact = ZERO
    drawn: int = 0
    closing: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Waiter:
    """A reservation that waits for room at some account."""

    account: Ledger
    need: Exact
    keep: Exact
    granted: asyncio.Future[bool]


class Held:
    """A Reservation: money set aside for one call, until it is settled."""

    __slots__ = ("_account", "_block", "_id", "_model", "_need", "_open", "worst")

    def __init__(
        self, account: Ledger, reservation: str, worst: Amount, need: Exact, model: str, block: Block | None
    ) -> None:
        self._account, self._id, self._need, self._model, self._block = account, reservation, need, model, block
        self.worst = worst
        self._open = True

    @property
    def id(self) -> str:
        """What its settlement will be called by."""
        return self._id

    @property
    def block(self) -> str | None:
        """The block that it was drawn from; None if it was made durable on its own, or needs not be."""
        return None if self._block is None else self._block.id

    def settle(self, actual: Amount | None) -> Event:
        """Book the call; see `Reservation.settle`. Raises ValueError when settled before."""
        if not self._open:
            raise ValueError(f"the reservation {self._id} was settled before")
        used = self._need if actual is None else exact(actual)
        self._open = False
        incident = self._account._overrun(self._need, used, self._model)
        closes = self._account._book(self._need, used, self._block)
        early = self._block is not None and self._block.closing and not closes
        return Settled(
            scope=self._account.id,
            reservation=self._id,
            actual=self.worst if actual is None else actual,
            model=self._model,
            known=actual is not None,
            block=None if self._block is None else self._block.id,
            closes=closes,
            freed=amount(at_least_zero(minus(self._need, used))) if early else NOTHING,
            incident=incident,
        )
