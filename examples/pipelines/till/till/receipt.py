"""What is printed."""

from till.money import shown


def row(name, amount, width=24):
    text = shown(amount)
    return name + "." * (width - len(name)) + text


def total_row(amounts):
    return row("total", sum(amounts))


def change(paid, due):
    coins = []
    left = paid - due
    for coin in (200, 100, 50, 20, 10, 5, 2):
        while left >= coin:
            coins.append(coin)
            left -= coin
    return coins
