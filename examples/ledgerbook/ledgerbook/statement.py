"""What a book says about an account over a period."""

from __future__ import annotations

from ledgerbook.accounts import Account
from ledgerbook.book import Book
from ledgerbook.money import Money, total
from ledgerbook.periods import Period


def opening_balance(book: Book, account: str, period: str) -> Money:
    """What is in `account` when `period` begins."""
    return book.balance_before(Account.parse(account), Period.parse(period).first)


def movement(book: Book, account: str, period: str) -> Money:
    """How much more is in `account` at the end of `period` than at its beginning."""
    of = Account.parse(account)
    return total([entry.change_of(of) for entry in book.entries(Period.parse(period))])


def closing_balance(book: Book, account: str, period: str) -> Money:
    """What is in `account` when `period` ends."""
    return opening_balance(book, account, period) + movement(book, account, period)


def trial_balance(book: Book, period: str) -> dict[str, Money]:
    """The closing balance of every account, each with its natural sign."""
    balances = {}
    for account in book.accounts():
        balance = closing_balance(book, str(account), period)
        balances[str(account)] = balance if account.natural_sign() > 0 else -balance
    return balances
