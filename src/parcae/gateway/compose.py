"""Puts a gateway together from its configuration, with the journal, the ledger, the catalog and the forecasters.

The only place that knows them all; opens what it is told to open and closes it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.request import getproxies

from parcae.core.clock import WallClock
from parcae.core.protocols import Clock, Forecaster, Journal, Model, ModelCard, Policy
from parcae.core.usage import Limits
from parcae.gateway.config import GatewayConfig
from parcae.gateway.flights import Flights
from parcae.gateway.forecasters import Forecasters, fitted
from parcae.gateway.keyring import Keyring
from parcae.gateway.purse import Bank, Root
from parcae.gateway.readings import Readings
from parcae.gateway.record import Recorder
from parcae.gateway.request_log import RequestLog
from parcae.gateway.revive import mark_hours, recover, revive
from parcae.gateway.runs import Runs
from parcae.gateway.state import Gateway
from parcae.gateway.targets import Target, Targets
from parcae.gateway.upstream import Client
from parcae.gateway.wire import WireClient
from parcae.ledger.account import open_account
from parcae.ledger.restore import restore
from parcae.models.catalog import Catalog
from parcae.models.limits import Rates
from parcae.models.names import ModelName
from parcae.models.open import open_model
from parcae.store.redact import Redactor

AHEAD_CALLS = 256  # reserved ahead at a time, so that next to no call waits for the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a gateway is given from outside."""

    journal: Journal
    card: Callable[[str], ModelCard]
    open_model: Callable[[Target], Model]
    open_account: Callable[[str, Limits, Flights | None], Awaitable[Root]]
    forecaster: Callable[[str | None], Forecaster]
    policy: Callable[[str], Policy]
    client: Client
    clock: Clock = field(default_factory=WallClock)


@asynccontextmanager
async def opened(config: GatewayConfig, parts: Parts) -> AsyncIterator[Gateway]:
    """The gateway, writing, with the runs of the process before it, until the block ends.

    Raises:
        StoreFailed: the journal cannot be read.
    """
    flights = None
    if config.journal is not None:
        table = config.journal.with_name(f"{config.journal.name}-flights")
        flights = Flights(table, redact=Redactor(config.secrets))
        await recover(parts.journal, flights)
    recorder = Recorder(parts.journal, flights)
    bank = Bank(lambda scope, limits: parts.open_account(scope, limits, flights), parts.clock, recorder, flights)
    gateway = Gateway(
        config=config,
        targets=Targets(config.upstreams, card=parts.card, open_model=parts.open_model),
        bank=bank,
        client=parts.client,
        journal=parts.journal,
        recorder=recorder,
        clock=parts.clock,
        forecaster=parts.forecaster,
        policy=parts.policy,
        keyring=Keyring(config.keys),
        log=None if config.log is None else RequestLog(config.log, config.secrets, parts.clock).write,
        readings=Readings(int(config.bounds.runs)),
        runs=Runs(most=int(config.bounds.runs), idle_seconds=config.bounds.idle_seconds),
    )
    recorder.start()
    marking = asyncio.ensure_future(mark_hours(gateway))
    try:
        await revive(gateway)
        yield gateway
    finally:
        gateway.closing = True
        marking.cancel()
        await gateway.client.close()
        await gateway.targets.close()
        await recorder.flush()
        if recorder.failed is None:
            await bank.close()
        await recorder.close()
        if flights is not None:
            flights.close()


def usual_parts(config: GatewayConfig, journal: Journal, env: Mapping[str, str]) -> Parts:
    """The product's own parts: its catalog, its ledger, its policies, its forecasters."""
    from parcae.hotswap.policies import parse_policy
    from parcae.models.catalog import load_catalog

    catalog = load_catalog(config.catalog)

    def card(name: str) -> ModelCard:
        known = config.cards.get(name)
        return known if known is not None else catalog.card(name)

    async def account(scope: str, limits: Limits, flights: Flights | None) -> Root:
        if limits.is_open():
            return open_account(scope, limits, journal)
        drawn = None if flights is None else flights.left(scope)
        return await restore(scope, limits, journal, ahead_calls=AHEAD_CALLS, drawn=drawn)

    return Parts(
        journal=journal,
        card=card,
        open_model=lambda target: _model(target, catalog, env),
        open_account=account,
        forecaster=Forecasters(config.forecaster, fitted).named,
        policy=parse_policy,
        client=_client(),
    )


def _client() -> Client:
    if not getproxies():
        return WireClient()
    from parcae.gateway.proxied import AiohttpClient

    return AiohttpClient()


def _model(target: Target, catalog: Catalog, env: Mapping[str, str]) -> Model:
    """The target as a Model: of this process, of a provider, or at one of the configured servers."""
    upstream = target.upstream
    if upstream is None:
        return open_model(target.name, catalog=catalog, env=env)
    from parcae.models.provider import open_provider

    url = upstream.base_url.removesuffix("/v1") if upstream.family == "anthropic" else upstream.base_url
    name = ModelName(text=target.name, provider=upstream.family, model=target.model, base_url=url)
    return open_provider(name, card=target.card, rates=Rates(), key=upstream.key or "none", base_url=url)
