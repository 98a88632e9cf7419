"""A book: entries in the order of their days, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from ledgerbook.accounts import Account
from ledgerbook.entries import Entry
from ledgerbook.money import ZERO, Money
from ledgerbook.parsing import parse_entries
from ledgerbook.periods import Period


class Book:
    """Entries, each of which is balanced."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def post(self, entry: Entry) -> None:
        """Write `entry` into the book, at the place of its day."""
        entry.check()
        self._entries.insert(self._place(entry.day), entry)

    def _place(self, day: date) -> int:
        place = len(self._entries)
        while place > 0 and self._entries[place - 1].day > day:
            place -= 1
        return place

    def entries(self, period: Period) -> Iterator[Entry]:
        """The entries of `period`, by day."""
        return (entry for entry in self._entries if period.covers(entry.day))

    def balance_before(self, account: Account, day: date) -> Money:
        """What is in `account` when `day` begins."""
        balance = ZERO
        for entry in self._entries:
            if entry.day >= day:
                break
            balance = balance + entry.change_of(account)
        return balance

    def accounts(self) -> list[Account]:
        """Every account that something was posted to, by name."""
        return sorted({posting.account for entry in self._entries for posting in entry.postings})


def read_book(file: Path) -> Book:
    """The book in `file`."""
    book = Book()
    for entry in parse_entries(file.read_text(encoding="utf-8")):
        book.post(entry)
    return book
