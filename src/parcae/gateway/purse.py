"""What one request draws on: the accounts of its key, its key's day, its task and its run. Reserve first, settle after.

Each account is a root of its own and is read from the journal when it is first needed, so that no restart and no
pressure on memory forgets what was spent. Knows nothing of wire formats.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from parcae.core.errors import BudgetExceeded
from parcae.core.protocols import Account, Clock, Event, ModelCard, Reservation
from parcae.core.usage import Amount, Limits, Usage
from parcae.gateway.config import Key
from parcae.gateway.flights import Flights
from parcae.gateway.record import Recorder
from parcae.gateway.refusal import Refusal
from parcae.ledger.refusal import ModelDistrusted

ONE_CALL = Amount(calls=1)
_OPEN = Limits()
_MOST_ACCOUNTS = 2_000


class Root(Account, Protocol):
    """An account that can be given back to the journal."""

    async def close(self) -> None:
        """Give back what lies in blocks."""
        ...


OpenAccount = Callable[[str, Limits], Awaitable[Root]]


class Held:
    """Reservations for one call; settles once."""

    __slots__ = ("_flights", "_open", "_recorder", "_reservations", "_slots")

    def __init__(
        self, reservations: Sequence[Reservation], slots: Sequence[int], recorder: Recorder, flights: Flights | None
    ) -> None:
        self._reservations, self._slots, self._recorder, self._flights = reservations, slots, recorder, flights
        self._open = True

    def keep(self, events: Sequence[Event]) -> bool:
        """Keep what was put for this call where a crash leaves it; False where only the journal can."""
        return self._flights is not None and bool(self._slots) and self._flights.answer(self._slots[0], events)

    def settle(self, actual: Amount | None) -> tuple[Event, ...]:
        """Free what was not used; None books the worst case. Nothing the second time. Put the events at once."""
        if not self._open:
            return ()
        self._open = False
        events = tuple(reservation.settle(actual) for reservation in self._reservations)
        self._recorder.landed(self._slots)
        return events


class Purse:
    """The accounts that a request draws on, side by side."""

    def __init__(self, accounts: Sequence[Account], flights: Flights | None, recorder: Recorder) -> None:
        self._accounts, self._flights, self._recorder = accounts, flights, recorder
        self.limited: frozenset[str] = frozenset().union(*(account.limited for account in accounts))

    async def reserve(self, worst: Amount, *, model: str) -> Held:
        """Set `worst` aside in every account. Raises Refusal (402) with the facts."""
        held: list[Reservation] = []
        slots: list[int] = []
        try:
            for account in self._accounts:
                held.append(await account.reserve(worst, model=model))
                self._depart(account, held[-1], worst, slots)
        except BaseException as error:
            self._recorder.put([reservation.settle(Amount()) for reservation in held])
            self._recorder.landed(slots)
            if isinstance(error, BudgetExceeded):
                raise exhausted(error) from None
            raise
        return Held(held, slots, self._recorder, self._flights)

    def _depart(self, account: Account, reservation: Reservation, worst: Amount, slots: list[int]) -> None:
        block: str | None = getattr(reservation, "block", None)
        if block is not None and self._flights is not None:
            slots.append(self._flights.depart(account.id, reservation.id, block, worst))  # type: ignore[attr-defined]  # who draws from blocks names its reservations


class Bank:
    """Opens the accounts of keys. `clock` says which day it is."""

    def __init__(self, open_account: OpenAccount, clock: Clock, recorder: Recorder, flights: Flights | None) -> None:
        self._open, self._clock, self._recorder, self._flights = open_account, clock, recorder, flights
        self._roots: OrderedDict[str, Root] = OrderedDict()
        self._day = (0, "1970-01-01")
        self._opening: dict[str, asyncio.Future[Root]] = {}

    async def purse(self, key: Key | None, task: str, run: str, run_limits: Limits) -> Purse:
        """What a request of `key` for `task` draws on; `run_limits` bind the run (a virtual model's budget).

        Raises:
            StoreFailed: the journal cannot tell what was spent before.
        """
        wanted = self._limited(key, task)
        if not run_limits.is_open():
            wanted = [*wanted, (f"gateway/limits/{_name(key)}/{run}", run_limits)]
        if not wanted:
            wanted = [(f"gateway/keys/{_name(key)}", _OPEN)]
        accounts: list[Account] = []
        for scope, limits in wanted:
            account = self._roots.get(scope)
            if account is None:
                account = await self._root(scope, limits)
            else:
                self._roots.move_to_end(scope)
            accounts.append(account)
        return Purse(accounts, self._flights, self._recorder)

    def _limited(self, key: Key | None, task: str) -> Sequence[tuple[str, Limits]]:
        """The accounts of a key that have limits."""
        if key is None:
            return ()
        wanted = []
        if key.is_limited_in_all:
            wanted.append((f"gateway/keys/{key.name}", key.total))
        if key.is_limited_by_day:
            wanted.append((f"gateway/days/{key.name}/{self._today()}", key.day))
        if key.is_limited_by_task:
            wanted.append((f"gateway/tasks/{key.name}/{task}", key.task))
        return wanted

    async def spent(self, key: Key | None) -> Mapping[str, Amount]:
        """What a key has spent in all and today, each where it is limited; without any limit, since the start."""
        spent: dict[str, Amount] = {}
        if key is not None and key.is_limited_by_day:
            spent["today"] = (await self._root(f"gateway/days/{key.name}/{self._today()}", key.day)).spent
        if key is not None and key.is_limited_in_all:
            spent["total"] = (await self._root(f"gateway/keys/{key.name}", key.total)).spent
        if not spent:
            spent["since_start"] = (await self._root(f"gateway/keys/{_name(key)}", _OPEN)).spent
        return spent

    async def close(self) -> None:
        """Give all blocks back."""
        for root in self._roots.values():
            await root.close()

    def _today(self) -> str:
        number = int(self._clock.now() // 86_400)
        if self._day[0] != number:
            self._day = (number, datetime.fromtimestamp(number * 86_400, UTC).date().isoformat())
        return self._day[1]

    async def _root(self, scope: str, limits: Limits) -> Root:
        if scope in self._roots:
            return self._roots[scope]
        if scope not in self._opening:
            self._opening[scope] = asyncio.ensure_future(self._opened(scope, limits))
        return await asyncio.shield(self._opening[scope])

    async def _opened(self, scope: str, limits: Limits) -> Root:
        try:
            if len(self._roots) >= _MOST_ACCOUNTS:
                await self._close_the_quietest()
            root = self._roots[scope] = await self._open(scope, limits)
            if self._flights is not None:
                self._flights.taken_up(scope)
            return root
        finally:
            del self._opening[scope]

    async def _close_the_quietest(self) -> None:
        """Make room. What is closed is read again from the journal, which must know of it first."""
        for scope in [scope for scope in self._roots if not scope.startswith("gateway/keys/")][: _MOST_ACCOUNTS // 4]:
            if getattr(self._roots[scope], "flying", 0) == 0:
                await self._roots.pop(scope).close()
        await self._recorder.flush()


def _name(key: Key | None) -> str:
    return "open" if key is None else key.name


def worst_case(card: ModelCard, *, prompt_tokens: int, completion_tokens: int, seconds: float) -> Amount:
    """The most that a call can cost at the dearest rate that any part of it can have."""
    most = Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    return Amount(
        usd=0.0 if card.price is None else card.price.most_usd(most),
        tokens=prompt_tokens + completion_tokens,
        calls=1,
        seconds=seconds,
    )


def unpriced(what: str, cure: str) -> Refusal:
    """402: a budget in dollars cannot hold for `what`, a clause that says which price nobody knows."""
    return Refusal(402, "no_budget", "no_price", f"{what}, so a budget in dollars cannot hold; {cure}")


def exhausted(error: BudgetExceeded) -> Refusal:
    """402: what is left does not hold the next call's worst case, or its model counted more than that before."""
    if isinstance(error, ModelDistrusted):
        return Refusal(402, "no_budget", "model_distrusted", str(error))
    show = "${:.6f}".format if error.unit == "usd" else "{:g} ".format
    unit = "" if error.unit == "usd" else error.unit
    return Refusal(
        402,
        "no_budget",
        "budget_exceeded",
        f"budget of {error.account}: {show(error.spent)}{unit} of {show(error.limit)}{unit} is spent or reserved and "
        f"this call may need {show(error.next_call)}{unit}; raise the budget or send a smaller `max_tokens`",
    )
