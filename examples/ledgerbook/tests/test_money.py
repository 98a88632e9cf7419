"""Cents are never lost."""

import pytest
from ledgerbook.money import BadAmount, Money, total


@pytest.mark.parametrize("text", ["0.00", "17.00", "-3.50", "1,250.05"])
def test_an_amount_reads_what_it_writes(text):
    assert str(Money.parse(text)) == text


def test_words_are_no_amount():
    with pytest.raises(BadAmount):
        Money.parse("a lot")


def test_ten_dimes_are_a_dollar():
    assert total([Money.parse("0.10")] * 10) == Money(100)
