"""Keeps folds up to date with the journal: each reads only what was appended since it was last asked for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from parcae.core.protocols import Event, Journal, Recorded
from parcae.web.api.attempts import AttemptsFold
from parcae.web.api.company import CompanyFold
from parcae.web.api.overview import CardOf, OverviewFold
from parcae.web.api.told import ATTEMPT_KINDS, COMPANY_KINDS, OVERVIEW_KINDS

SLICE = 400  # events that are folded before others get their turn
MOST_RUNS = 6


class Fold(Protocol):
    """A state that takes events in."""

    def take(self, entry: Recorded[Event]) -> None:
        """Take one event in."""
        ...


F = TypeVar("F", bound=Fold)


class Followed(Generic[F]):
    """One fold over one scope."""

    def __init__(self, journal: Journal, scope: str, kinds: Sequence[type[Event]], fold: F) -> None:
        self._journal, self._scope, self._kinds, self._fold = journal, scope, kinds, fold
        self._seen, self._lock = 0, asyncio.Lock()

    async def now(self) -> F:
        """The fold, with all that the journal holds by now."""
        async with self._lock:
            for place, entry in enumerate(await self._journal.read(self._scope, self._kinds, after=self._seen), 1):
                self._fold.take(entry)
                self._seen = entry.seq
                if place % SLICE == 0:
                    await asyncio.sleep(0)
            return self._fold


class Follower:
    """The folds that somebody looks at; those of runs that nobody asked for longest are forgotten."""

    def __init__(self, journal: Journal, card_of: CardOf) -> None:
        self.journal = journal
        self._overview = Followed(journal, "", OVERVIEW_KINDS, OverviewFold(card_of))
        self._attempts: OrderedDict[str, Followed[AttemptsFold]] = OrderedDict()
        self._companies: OrderedDict[str, Followed[CompanyFold]] = OrderedDict()

    async def overview(self) -> OverviewFold:
        """All runs."""
        return await self._overview.now()

    async def attempts(self, run: str, scope: str) -> AttemptsFold:
        """The attempts in and below `scope`, a part of `run`."""
        if scope not in self._attempts:
            self._attempts[scope] = Followed(self.journal, scope, ATTEMPT_KINDS, AttemptsFold(run=run))
        return await _kept(self._attempts, scope).now()

    async def company(self, run: str) -> CompanyFold:
        """The organisation of `run`."""
        if run not in self._companies:
            self._companies[run] = Followed(self.journal, run, COMPANY_KINDS, CompanyFold(run))
        return await _kept(self._companies, run).now()


def _kept(folds: OrderedDict[str, Followed[F]], name: str) -> Followed[F]:
    folds.move_to_end(name)
    while len(folds) > MOST_RUNS:
        folds.popitem(last=False)
    return folds[name]
