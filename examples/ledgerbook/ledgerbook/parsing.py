"""From the text of a book to its entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledgerbook.accounts import Account
from ledgerbook.entries import Entry, Posting
from ledgerbook.money import Money

REMARK = ";"


class BadLine(ValueError):
    """A line that belongs to no entry."""


def parse_entries(text: str) -> Iterator[Entry]:
    """The entries of `text`, in the order in which they were written."""
    for block in _blocks(text):
        head, *rest = block
        day, words = _parse_head(head)
        yield Entry(day, words, tuple(_parse_posting(line) for line in rest))


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in map(_without_remark, text.splitlines()):
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _without_remark(line: str) -> str:
    return line.partition(REMARK)[0].rstrip()


def _parse_head(line: str) -> tuple[date, str]:
    day, _, words = line.partition(" ")
    try:
        return date.fromisoformat(day), words.strip()
    except ValueError:
        raise BadLine(f"{line!r} does not begin with a date") from None


def _parse_posting(line: str) -> Posting:
    name, _, amount = line.strip().rpartition(" ")
    if not name:
        raise BadLine(f"{line!r} is no posting; write an account, spaces and an amount")
    return Posting(Account.parse(name), Money.parse(amount))
