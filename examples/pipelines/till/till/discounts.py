"""Who gets how much off."""

STEPS = ((5000, 3), (10000, 5), (20000, 8))


def reached(goods):
    return [percent for least, percent in STEPS if goods > least]


def best_discount(goods):
    return max(reached(goods), default=0)


def coupon(code):
    letters = "".join(sign for sign in code if sign.isalpha())
    digits = "".join(sign for sign in code if sign.isdigit())
    return letters.upper(), int(digits or 1)
