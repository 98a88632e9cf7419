"""What is written in a book: entries, and the postings that they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledgerbook.accounts import Account
from ledgerbook.money import Money, total


class Unbalanced(ValueError):
    """An entry whose postings do not add up to nothing."""


@dataclass(frozen=True)
class Posting:
    """An amount that goes into an account, or comes out of it if negative."""

    account: Account
    amount: Money


@dataclass(frozen=True)
class Entry:
    """Something that happened on a day."""

    day: date
    words: str
    postings: tuple[Posting, ...]

    def imbalance(self) -> Money:
        """What is missing for the postings to add up to nothing."""
        return -total([posting.amount for posting in self.postings])

    def check(self) -> None:
        """Raise Unbalanced unless the postings add up to nothing."""
        missing = self.imbalance()
        if missing:
            raise Unbalanced(f"{self.day} {self.words}: {missing} is missing")

    def change_of(self, account: Account) -> Money:
        """How much more is in `account`, and in those below it, after this entry."""
        return total([posting.amount for posting in self.postings if account.holds(posting.account)])
