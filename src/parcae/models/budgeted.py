"""A call to a model that is paid for: reserve the worst case, call, try again where that helps, settle.

Every try is a reservation of its own. A call whose outcome nobody knows settles at its worst case. Knows nothing of
providers, nor of what the reply is for.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from parcae.core.errors import CallerMistake, OutcomeUnknown, ProviderFailed
from parcae.core.protocols import Event, Model, Reply, Request, Reservation
from parcae.core.scope import Scope
from parcae.core.usage import Amount, Usage
from parcae.models.bounds import prompt_bound
from parcae.models.limits import Gate

ONE_CALL = Amount(calls=1)
NOTHING = Amount()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A reply, what it cost (None: no price is known), and the events to append together with it."""

    reply: Reply
    cost_usd: float | None
    settlement: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a call is tried and how long to wait before the next try.

    The wait doubles from `first_seconds` to `longest_seconds`, shortened by up to half at random, and is never shorter
    than the provider's Retry-After; one longer than `patience_seconds` ends the tries. `unknown` is how many of the
    tries may end with an unknown outcome, since each of these is paid for.
    """

    tries: int = 5
    unknown: int = 2
    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    patience_seconds: float = 300.0


async def ask(
    model: Model, request: Request, scope: Scope, *, keep: Amount = NOTHING, retries: Retries = Retries()
) -> Asked:
    """Ask `model`, within the limits of `scope.account` and of the model's provider.

    The caller appends `settlement` in one append with what the reply causes. When this raises, every settlement has
    been appended. `keep` is what the account keeps back for later (see `Account.reserve`).

    Raises:
        BudgetExceeded: the worst case does not fit; nothing was sent.
        CallerMistake: the model has no price, but a dollar limit needs one.
        ProviderFailed: the provider failed, after all retries.
    """
    unknown = 0
    for attempt in range(retries.tries):
        try:
            return await _once(model, request, scope, keep)
        except _Failed as failed:
            error = failed.error
            await asyncio.shield(scope.journal.append((failed.event,)))  # what it frees others may take at once
        unknown += isinstance(error, OutcomeUnknown)
        wait_seconds = _wait_seconds(attempt, error, retries, scope)
        over = attempt + 1 >= retries.tries or unknown >= retries.unknown or wait_seconds > retries.patience_seconds
        if over or not error.may_retry:
            raise error from None
        await scope.clock.sleep(wait_seconds)
    raise AssertionError("a call has at least one try")


def worst_case(model: Model, request: Request) -> Amount:
    """The most that `request` can cost: one token a byte of prompt, and every token of `max_tokens`.

    `usd` is 0 for a model of unknown price; `ask` refuses such a model under a dollar limit.
    """
    prompt_tokens, price = prompt_bound(request), model.card.price
    most = Usage(prompt_tokens=prompt_tokens, completion_tokens=request.max_tokens)
    return Amount(
        usd=0.0 if price is None else price.most_usd(most, writes=model.card.writes),
        tokens=prompt_tokens + request.max_tokens,
        calls=1,
        seconds=request.timeout_seconds,
    )


class _Failed(Exception):
    """A signal from one try to the loop of tries: the provider failed and the reservation was settled."""

    def __init__(self, error: ProviderFailed, event: Event) -> None:
        self.error, self.event = error, event


async def _once(model: Model, request: Request, scope: Scope, keep: Amount) -> Asked:
    gate: Gate | None = getattr(model, "gate", None)
    if gate is None:
        return await _paid(model, request, scope, keep)
    async with _passing(gate, request, scope):
        return await _paid(model, request, scope, keep)


async def _paid(model: Model, request: Request, scope: Scope, keep: Amount) -> Asked:
    card, account, clock = model.card, scope.account, scope.clock
    limited = account.limited
    if limited and card.price is None and "usd" in limited:
        raise _no_price(card.name)
    worst = worst_case(model, request) if limited else ONE_CALL
    reservation = await account.reserve(worst, keep=keep, model=card.name)
    begun = clock.now()
    try:
        reply = await model.reply(request)
    except OutcomeUnknown as error:
        raise _Failed(error, reservation.settle(None)) from None
    except ProviderFailed as error:
        spent = Amount(calls=1, seconds=_elapsed(begun, scope, request))
        raise _Failed(error, reservation.settle(spent)) from None
    except BaseException as error:
        await _give_up(reservation, scope, error)
        raise
    usage = reply.usage
    cost_usd = None if card.price is None else card.price.cost_usd(usage)
    actual = Amount(
        usd=cost_usd or 0.0,
        tokens=usage.prompt_tokens + usage.completion_tokens,
        calls=1,
        seconds=_elapsed(begun, scope, request),
    )
    return Asked(reply=reply, cost_usd=cost_usd, settlement=(reservation.settle(actual),))


async def _give_up(reservation: Reservation, scope: Scope, error: BaseException) -> None:
    """Settle a call that was cancelled or broke in a way that no Model may: its outcome is unknown."""
    event = reservation.settle(None)
    if not isinstance(error, GeneratorExit):
        await asyncio.shield(scope.journal.append((event,)))


def _passing(gate: Gate, request: Request, scope: Scope) -> AbstractAsyncContextManager[None]:
    counted = gate.rates.tokens_per_minute is not None
    return gate.passing(prompt_bound(request) + request.max_tokens if counted else 0, scope.clock)


def _wait_seconds(attempt: int, error: ProviderFailed, retries: Retries, scope: Scope) -> float:
    longest = min(retries.first_seconds * 2**attempt, retries.longest_seconds)
    wait_seconds = longest * (1 - scope.rng("retry", attempt).random() / 2)
    return max(float(wait_seconds), error.retry_after_seconds or 0.0)


def _elapsed(begun: float, scope: Scope, request: Request) -> float:
    """Seconds of the call; what the scheduler adds to a timeout is not the model's doing."""
    return min(max(scope.clock.now() - begun, 0.0), request.timeout_seconds)


def _no_price(name: str) -> CallerMistake:
    return CallerMistake(
        f"no price is known for {name!r}, so a limit in dollars cannot hold",
        f'name its price in a catalog file: [models."{name}"] prompt_usd = …, completion_usd = … (dollars per million '
        "tokens), and name that file in PARCAE_CATALOG or as `catalog` in your parcae.toml; or limit tokens or calls "
        "instead of dollars",
    )
