"""Puts a gateway together from its configuration, with the journal, the ledger, the catalog and the forecasters.

The only place that knows them all; opens what it is told to open and closes it again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from parcae.core.protocols import Account, Clock, Forecaster, Journal, Model, ModelCard, Policy
from parcae.core.usage import Limits
from parcae.gateway.config import GatewayConfig
from parcae.gateway.keyring import Keyring
from parcae.gateway.purse import Bank
from parcae.gateway.record import Recorder
from parcae.gateway.runs import Runs
from parcae.gateway.state import Gateway
from parcae.gateway.targets import Targets
from parcae.gateway.upstream import AiohttpClient, Client


@dataclass(frozen=True, slots=True)
class _Wall:
    """The system's clock."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        import asyncio

        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a gateway is given from outside."""

    journal: Journal
    card: Callable[[str], ModelCard]
    open_model: Callable[[str], Model]
    open_account: Callable[[str, Limits], Account]
    forecaster: Callable[[str | None], Forecaster]
    policy: Callable[[str], Policy]
    client: Client
    clock: Clock = _Wall()


@asynccontextmanager
async def opened(config: GatewayConfig, parts: Parts) -> AsyncIterator[Gateway]:
    """The gateway, writing, until the block ends."""
    recorder = Recorder(parts.journal)
    recorder.start()
    gateway = Gateway(
        config=config,
        targets=Targets(config.upstreams, card=parts.card, open_model=parts.open_model),
        bank=Bank(parts.open_account, parts.clock),
        client=parts.client,
        journal=parts.journal,
        recorder=recorder,
        clock=parts.clock,
        forecaster=parts.forecaster,
        policy=parts.policy,
        keyring=Keyring(config.keys),
        runs=Runs(most=int(config.bounds.runs), idle_seconds=config.bounds.idle_seconds),
    )
    try:
        yield gateway
    finally:
        gateway.closing = True
        await gateway.client.close()
        await recorder.close()


def usual_parts(config: GatewayConfig, journal: Journal, env: Mapping[str, str]) -> Parts:
    """The product's own parts: its catalog, its ledger, its policies, the rule that forecasts."""
    from parcae.hotswap.policies import parse_policy
    from parcae.ledger.account import open_account
    from parcae.models.catalog import load_catalog
    from parcae.models.open import open_model
    from parcae.prediction.rule import RuleForecaster

    catalog = load_catalog(config.catalog)

    def card(name: str) -> ModelCard:
        known = config.cards.get(name)
        return known if known is not None else catalog.card(name)

    def account(scope: str, limits: Limits) -> Account:
        return open_account(scope, limits, journal)

    def forecaster(name: str | None) -> Forecaster:
        return RuleForecaster()

    return Parts(
        journal=journal,
        card=card,
        open_model=lambda name: open_model(name, catalog=catalog, env=env),
        open_account=account,
        forecaster=forecaster,
        policy=parse_policy,
        client=AiohttpClient(),
    )
