"""Everything that an attempt needs and that is not its task (contract 1). Knows nothing of what is done in it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Account, Clock, Journal, Workspace
from parcae.core.usage import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent:
    """Something to look at while it happens; may be lost. `cost_usd` is what the scope has spent so far."""

    scope: str
    what: str
    step: int | None = None
    model: str | None = None
    text: str = ""
    cost_usd: float | None = None


def unseen(event: LiveEvent) -> None:
    """The sink for runs that nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where something happens: account, journal, branch, grants, seed, clock, and a sink for eyes.

    `id` is a path such as "run-7/attempt-3". `child` is the only way to start an attempt, a fork or a hire.
    `contested`: several attempts of one task are open, so what acts outside waits in the outbox (contract 5).
    """

    id: str
    account: Account
    journal: Journal
    clock: Clock
    seed: int
    workspace: Workspace | None = None
    grants: frozenset[str] = frozenset()
    contested: bool = False
    show: Callable[[LiveEvent], None] = unseen

    def child(self, name: str, *, limits: Limits = Limits()) -> Scope:
        """The scope `name` below this one: same id, account, branch and seed whenever asked again."""
        if not name or "/" in name:
            raise CallerMistake(f"{name!r} cannot name a scope", "use a name that is not empty and has no slash")
        return replace(
            self,
            id=f"{self.id}/{name}",
            account=self.account.child(name, limits),
            workspace=None if self.workspace is None else self.workspace.branch(name),
            seed=derive_seed(self.seed, name),
        )

    def rng(self, *names: str | int) -> random.Random:
        """Random numbers that depend on this scope and `names` (step, rung) only."""
        return random.Random(derive_seed(self.seed, *names))


def is_in_turn(scope_id: str) -> bool:
    """Whether it names a turn of an organisation's employee, or something within one."""
    return "/turn-" in scope_id


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed from `seed` and a path of names; equal input gives equal output on every machine."""
    text = "\x1f".join(map(str, (seed, *names))).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
