"""What one request draws on: the accounts of its key, its key's day, its task and its run. Reserve first, settle after.

Knows nothing of wire formats. Accounts are `ledger`'s, handed in as a function, so that tests may hand in others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from parcae.core.errors import BudgetExceeded
from parcae.core.protocols import Account, Clock, Event, ModelCard, Reservation
from parcae.core.usage import Amount, Limits, Price, Usage
from parcae.gateway.config import Key
from parcae.gateway.refusal import Refusal

ONE_CALL = Amount(calls=1)
OpenAccount = Callable[[str, Limits], Account]


class Held:
    """Reservations for one call; settles once."""

    def __init__(self, reservations: Sequence[Reservation]) -> None:
        self._reservations = reservations
        self._events: tuple[Event, ...] | None = None

    def settle(self, actual: Amount | None) -> tuple[Event, ...]:
        """Free what was not used; None books the worst case. Nothing the second time."""
        if self._events is not None:
            return ()
        self._events = tuple(reservation.settle(actual) for reservation in self._reservations)
        return self._events


class Purse:
    """The accounts that a request draws on, side by side."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._accounts = accounts

    @property
    def limited(self) -> frozenset[str]:
        """The units that some account limits."""
        return frozenset().union(*(account.limited for account in self._accounts))

    async def reserve(self, worst: Amount, *, model: str) -> Held:
        """Set `worst` aside in every account. Raises Refusal (402) with the facts."""
        held: list[Reservation] = []
        try:
            for account in self._accounts:
                held.append(await account.reserve(worst, model=model))
        except BaseException as error:
            for reservation in held:
                reservation.settle(Amount())
            if isinstance(error, BudgetExceeded):
                raise exhausted(error) from None
            raise
        return Held(held)


class Bank:
    """Opens the accounts of keys. `clock` says which day it is."""

    def __init__(self, open_account: OpenAccount, clock: Clock) -> None:
        self._open, self._clock = open_account, clock
        self._roots: dict[str, Account] = {}

    def purse(self, key: Key | None, task: str, run: str, run_limits: Limits) -> Purse:
        """What a request of `key` for `task` draws on; `run_limits` bind the run (a virtual model's budget)."""
        name = "open" if key is None else key.name
        account = self._root(f"gateway/keys/{name}", Limits() if key is None else key.total)
        if key is not None and not key.day.is_open():
            day = datetime.fromtimestamp(self._clock.now(), UTC).date()
            account = account.child(f"day-{day.isoformat()}", key.day)
        accounts = [account]
        if key is not None and not key.task.is_open():
            accounts.append(self._root(f"gateway/tasks/{name}", Limits()).child(task, key.task))
        if not run_limits.is_open():
            accounts.append(self._root(f"gateway/limits/{name}", Limits()).child(run, run_limits))
        return Purse(accounts)

    def spent(self, key: Key | None) -> Amount:
        """What a key has spent."""
        name = "open" if key is None else key.name
        return self._root(f"gateway/keys/{name}", Limits() if key is None else key.total).spent

    def _root(self, scope: str, limits: Limits) -> Account:
        if scope not in self._roots:
            self._roots[scope] = self._open(scope, limits)
        return self._roots[scope]


def worst_case(card: ModelCard, *, prompt_tokens: int, completion_tokens: int, seconds: float) -> Amount:
    """The most that a call can cost at the dearest rate that any part of it can have."""
    most = Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    return Amount(
        usd=0.0 if card.price is None else _dearest(card.price, most),
        tokens=prompt_tokens + completion_tokens,
        calls=1,
        seconds=seconds,
    )


def _dearest(price: Price, most: Usage) -> float:
    prompt_usd = max(price.prompt_usd, price.cached_usd or 0.0)
    tokens_usd = most.prompt_tokens * prompt_usd + most.completion_tokens * price.completion_usd
    here = tokens_usd / 1e6 + price.request_usd
    return here if price.above is None else max(here, _dearest(price.above, most))


def exhausted(error: BudgetExceeded) -> Refusal:
    """402: what is left does not hold the next call's worst case."""
    show = "${:.6f}".format if error.unit == "usd" else "{:g} ".format
    unit = "" if error.unit == "usd" else error.unit
    return Refusal(
        402,
        "no_budget",
        "budget_exceeded",
        f"budget of {error.account}: {show(error.spent)}{unit} of {show(error.limit)}{unit} is spent or reserved and "
        f"this call may need {show(error.next_call)}{unit}; raise the budget or send a smaller `max_tokens`",
    )
