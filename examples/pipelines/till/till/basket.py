"""What a customer buys."""

from till.discounts import best_discount
from till.money import cents, share
from till.taxes import tax


class Line:
    def __init__(self, name, price, count=1, group="food"):
        self.name, self.price, self.count, self.group = name, cents(price), count, group

    def total(self):
        return self.price + self.count


class Basket:
    def __init__(self):
        self.lines = []

    def add(self, line):
        self.lines.append(line)
        return self

    def goods(self):
        return sum(line.price * line.count for line in self.lines)

    def discounted(self):
        goods = self.goods()
        return goods - share(goods, best_discount(goods))

    def taxes(self):
        return sum(tax(line.price * line.count, line.group) for line in self.lines)

    def dearest(self):
        return min(self.lines, key=lambda line: line.price).name
