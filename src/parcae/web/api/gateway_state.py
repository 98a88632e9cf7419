"""What the dashboard tells of the gateway that it is part of: keys and budgets, runs, calls under way. No secrets."""

from __future__ import annotations

from dataclasses import fields

from parcae.core.usage import Limits
from parcae.gateway.config import Key
from parcae.gateway.rest import run_document
from parcae.gateway.state import Gateway
from parcae.web.api.told import Document

MOST_RUNS = 200


async def state_of(gateway: Gateway) -> Document:
    """The gateway as it stands."""
    newest = gateway.runs.all()[::-1][:MOST_RUNS]
    return {
        "keys": [await _key(gateway, key) for key in gateway.config.keys],
        "runs": [run_document(run) for run in newest],
        "in_flight": {name: gate.in_flight for name, gate in gateway.targets.gates.items()},
        "models": list(gateway.config.models),
    }


async def _key(gateway: Gateway, key: Key) -> Document:
    spans = {"in all": key.total, "a day": key.day, "a task": key.task}
    spent = await gateway.bank.spent(key)
    return {
        "name": key.name,
        "admin": key.admin,
        "limits": {span: _words(limits) for span, limits in spans.items() if not limits.is_open()},
        "spent": {span: {"usd": one.usd, "tokens": one.tokens, "requests": one.calls} for span, one in spent.items()},
    }


def _words(limits: Limits) -> str:
    known = ((unit.name, getattr(limits, unit.name)) for unit in fields(limits))
    return ", ".join(f"${amount:g}" if unit == "usd" else f"{amount:g} {unit}" for unit, amount in known if amount)
