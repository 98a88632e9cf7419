"""All that one gateway process holds, in one place; the parts that act are functions on it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from parcae.core.errors import CallerMistake
from parcae.core.plan import StagePlan
from parcae.core.protocols import Clock, Forecaster, Journal, Policy
from parcae.gateway.config import GatewayConfig, Key, VirtualModel
from parcae.gateway.keyring import Keyring
from parcae.gateway.metrics import Metrics
from parcae.gateway.purse import Bank
from parcae.gateway.readings import Readings
from parcae.gateway.record import Recorder
from parcae.gateway.refusal import Refusal
from parcae.gateway.runs import Runs
from parcae.gateway.targets import Target, Targets
from parcae.gateway.upstream import Client

_TASKS_REMEMBERED = 20_000


@dataclass(slots=True)
class Gateway:
    """`forecaster` and `policy` make one from its name in the Plan; `keeps_steps`: the journal gets whole steps.

    `log` takes one document for each request; None: there is no request log.
    """

    config: GatewayConfig
    targets: Targets
    bank: Bank
    client: Client
    journal: Journal
    recorder: Recorder
    clock: Clock
    forecaster: Callable[[str | None], Forecaster]
    policy: Callable[[str], Policy]
    keyring: Keyring
    runs: Runs
    readings: Readings
    metrics: Metrics = field(default_factory=Metrics)
    keeps_steps: bool = True
    closing: bool = False
    log: Callable[[Mapping[str, object]], None] | None = None
    _tasks: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def virtual(self, name: str, key: Key | None) -> VirtualModel:
        """The virtual model `name`, or a plain one for "UPSTREAM:MODEL". Raises Refusal (403, 404)."""
        if key is not None and key.models is not None and name not in key.models:
            raise Refusal(
                403, "forbidden", "model_not_allowed", f"key {key.name!r} may use {', '.join(key.models) or 'no model'}"
            )
        known = self.config.models.get(name)
        if known is not None:
            return known
        try:
            target = self.targets.find(name)
        except CallerMistake as error:
            names = ", ".join(self.config.models) or "none"
            raise Refusal(404, "not_found", "model_not_found", f"{error}; virtual models here: {names}") from None
        return VirtualModel(name=target.name, stage=StagePlan(ladder=(target.name,)))

    def ladder(self, virtual: VirtualModel, *, private: bool) -> tuple[Target, ...]:
        """The rungs that may be used. Raises Refusal: 403 where privacy leaves none, 404 where one does not exist."""
        try:
            ladder = tuple(self.targets.find(name) for name in virtual.stage.ladder)
        except CallerMistake as error:
            raise Refusal(404, "not_found", "model_not_found", str(error)) from None
        allowed = tuple(target for target in ladder if target.local or not private)
        if not allowed:
            raise Refusal(
                403,
                "forbidden",
                "private",
                f"{virtual.name!r} has no local model, and a private task never leaves these",
            )
        return allowed

    def first_of(self, scope: str) -> bool:
        """Whether this task is new to the process."""
        if scope in self._tasks:
            self._tasks.move_to_end(scope)
            return False
        self._tasks[scope] = None
        if len(self._tasks) > _TASKS_REMEMBERED:
            self._tasks.popitem(last=False)
        return True
