"""Books are read line by line."""

from datetime import date

import pytest
from ledgerbook.accounts import Account, BadAccount
from ledgerbook.parsing import BadLine, parse_entries
from ledgerbook.periods import Period


def test_an_entry_is_a_head_and_its_postings():
    [entry] = parse_entries("2026-03-02 Tea ; from afar\n  assets:stock  3.00\n  assets:bank  -3.00\n")
    assert (entry.day, entry.words, len(entry.postings)) == (date(2026, 3, 2), "Tea", 2)


def test_a_head_needs_a_date():
    with pytest.raises(BadLine):
        list(parse_entries("some day Tea\n"))


def test_an_account_has_a_kind():
    with pytest.raises(BadAccount):
        Account.parse("biscuits:ginger")


def test_a_year_has_twelve_months():
    assert Period.parse("2026") == Period(date(2026, 1, 1), date(2026, 12, 31))
