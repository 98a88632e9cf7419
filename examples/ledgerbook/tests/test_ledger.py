"""The book of the tea house, as its owner reads it."""

from pathlib import Path

import pytest
from ledgerbook import closing_balance, opening_balance, read_book, trial_balance
from ledgerbook.money import Money

BOOK = Path(__file__).parents[1] / "books" / "teahouse.book"


@pytest.fixture
def book():
    return read_book(BOOK)


def test_opening_balance(book):
    assert str(opening_balance(book, "assets:bank", "2026-03")) == "2,400.00"


def test_closing_balance(book):
    # 2,400.00 - 310.40 + 726.15 - 89.90 + 544.60 - 850.00 + 18.00, and nothing after the poet
    assert str(closing_balance(book, "assets:bank", "2026-q4")) == "2,438.45"


def test_march_ends_with_its_last_day(book):
    assert str(closing_balance(book, "assets:bank", "2026-03")) == "2,420.45"


def test_stock_is_what_was_bought_and_not_yet_brewed(book):
    assert closing_balance(book, "assets:stock", "2026-03") == Money.parse("189.10")


def test_savings_grow_by_credit(book):
    assert trial_balance(book, "2026")["equity:savings"] == Money.parse("2400")
