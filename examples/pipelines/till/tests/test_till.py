"""Each test fails by one fault."""

from till.basket import Basket, Line
from till.discounts import coupon
from till.receipt import change, row, total_row


def basket():
    return Basket().add(Line("tea", "4.50", 2)).add(Line("lamp", "41.00", 1, "light"))


def test_cents_are_shown_with_two_digits():
    assert total_row([100, 105]).endswith("2.05")


def test_a_line_costs_its_price_times_its_count():
    assert Line("tea", "4.50", 3).total() == 1350


def test_fifty_is_enough_for_a_discount():
    assert basket().discounted() == 4850


def test_an_unknown_group_pays_the_full_rate():
    assert basket().taxes() == 63 + 779


def test_the_dearest_line_is_named():
    assert basket().dearest() == "lamp"


def test_a_coupon_without_number_is_worth_nothing():
    assert coupon("spring") == ("SPRING", 0)


def test_change_goes_down_to_one_cent():
    assert sum(change(500, 387)) == 113


def test_a_row_is_as_wide_as_asked_for():
    assert len(row("tea", 1350, width=20)) == 20
