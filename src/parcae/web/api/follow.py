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
Name = tuple[str, int]  # a scope, and how many runs of the same name were deleted before


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
    """The folds that somebody looks at; those of runs that nobody asked for longest are forgotten.

    What was folded of a run that was deleted since is not told of the next one of its name.
    """

    def __init__(self, journal: Journal, card_of: CardOf) -> None:
        self.journal = journal
        self._overview = Followed(journal, "", OVERVIEW_KINDS, OverviewFold(card_of))
        self._attempts: OrderedDict[Name, Followed[AttemptsFold]] = OrderedDict()
        self._companies: OrderedDict[Name, Followed[CompanyFold]] = OrderedDict()

    async def overview(self) -> OverviewFold:
        """All runs."""
        return await self._overview.now()

    async def attempts(self, run: str, scope: str) -> AttemptsFold:
        """The attempts in and below `scope`, a part of `run`."""
        name = await self._named(run, scope)
        if name not in self._attempts:
            self._attempts[name] = Followed(self.journal, scope, ATTEMPT_KINDS, AttemptsFold(run=run))
        return await _kept(self._attempts, name).now()

    async def company(self, run: str) -> CompanyFold:
        """The organisation of `run`."""
        name = await self._named(run, run)
        if name not in self._companies:
            self._companies[name] = Followed(self.journal, run, COMPANY_KINDS, CompanyFold(run))
        return await _kept(self._companies, name).now()

    async def _named(self, run: str, scope: str) -> Name:
        return scope, (await self.overview()).deletions[run]


def _kept(folds: OrderedDict[Name, Followed[F]], name: Name) -> Followed[F]:
    folds.move_to_end(name)
    while len(folds) > MOST_RUNS:
        folds.popitem(last=False)
    return folds[name]
