"""The double-entry book of a very small tea house."""

from ledgerbook.book import Book, read_book
from ledgerbook.statement import closing_balance, opening_balance, trial_balance

__all__ = ["Book", "closing_balance", "opening_balance", "read_book", "trial_balance"]
