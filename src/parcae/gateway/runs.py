"""The runs that the gateway follows: whose, at which step, on which rung, forecast how. Knows nothing of HTTP.

Memory is bounded: the runs that were quiet longest are forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from parcae.core.protocols import Forecast
from parcae.gateway.config import Key, VirtualModel
from parcae.gateway.dialect import Said
from parcae.gateway.identity import Identities, Placed
from parcae.gateway.targets import Target
from parcae.gateway.verdict import Looks


@dataclass(slots=True)
class Pending:
    """A reply whose tools have not reported yet."""

    step: int
    said: Said
    model: str
    cost_usd: float | None


@dataclass(slots=True)
class Run:
    """One run of somebody's agent."""

    name: str
    task: str
    scope: str
    virtual: VirtualModel
    ladder: tuple[Target, ...]
    private: bool
    sure: bool = True
    rung: int = 0
    pending: Pending | None = None
    looks: Looks | None = None
    attempt: int = 0
    forecast: Forecast | None = None
    stopped: str | None = None
    would_stop: bool = False
    cost_usd: float | None = 0.0
    seen_at: float = 0.0
    completed: int = 0  # complete steps, as the journal numbers them
    revived_at: int | None = None  # the step at which a process before this one left it

    @property
    def target(self) -> Target:
        """Where its calls go now."""
        return self.ladder[min(self.rung, len(self.ladder) - 1)]


class Runs:
    """Every run by key and name."""

    def __init__(self, *, most: int, idle_seconds: float) -> None:
        self._most, self._idle_seconds = most, idle_seconds
        self._runs: OrderedDict[tuple[str, str], Run] = OrderedDict()
        self._identities: dict[str, Identities] = {}
        self.groups: dict[tuple[str, str], Looks] = {}

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def ambiguous(self) -> int:
        """How many requests fitted several runs."""
        return sum(one.ambiguous for one in self._identities.values())

    def identities(self, key: Key | None) -> Identities:
        """The identities below one key: no key ever sees another's runs."""
        name = "open" if key is None else key.name
        if name not in self._identities:
            self._identities[name] = Identities()
        return self._identities[name]

    def get(self, key: Key | None, placed: Placed) -> Run | None:
        """The run, if it is known."""
        return self._runs.get(("open" if key is None else key.name, placed.run))

    def touch(self, key: Key | None, run: Run, now: float) -> None:
        """The run was heard of: it is forgotten last."""
        owner = "open" if key is None else key.name
        run.seen_at = now
        self._runs[owner, run.name] = run
        self._runs.move_to_end((owner, run.name))
        while len(self._runs) > self._most or self._stale(now):
            self._forget()

    def all(self) -> tuple[Run, ...]:
        """The runs, the quietest first."""
        return tuple(self._runs.values())

    def _stale(self, now: float) -> bool:
        oldest = next(iter(self._runs.values()))
        return oldest.seen_at < now - self._idle_seconds

    def _forget(self) -> None:
        (owner, name), run = self._runs.popitem(last=False)
        self._identities[owner].forget(name)
        group = self.groups.get((owner, run.task))
        if group is not None and group is run.looks and not any(other.looks is group for other in self._runs.values()):
            del self.groups[owner, run.task]
