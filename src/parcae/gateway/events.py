"""What the gateway adds to the journal's vocabulary. What it shares with every run stands in `core.events`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayServed:
    """A request was answered: enough to know its run again after a restart.

    `asked` and `served` are the fingerprints (hexadecimal) of the conversation as asked and with the reply;
    `said` is that of the reply alone. `rung` counts the ladder that the virtual model `virtual` names;
    `number` is that of the journalled step, `cost_usd` what the run has cost so far (None: some price is unknown).
    """

    kind: ClassVar[str] = "gateway.served/1"
    scope: str
    key: str
    task: str
    run: str
    step: int
    virtual: str
    evidence: str
    asked: str
    served: str
    said: str
    call_ids: tuple[str, ...] = ()
    rung: int = 0
    private: bool = False
    forked_from: str | None = None
    number: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStopped:
    """A run was stopped by its forecast: its next requests are refused."""

    kind: ClassVar[str] = "gateway.stopped/1"
    scope: str
    step: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOpened:
    """A gateway began to serve, or an hour has passed since: from here on the journal may be read."""

    kind: ClassVar[str] = "gateway.opened/1"
    scope: str
