"""What an employee may still spend, and what it may set aside for those whom it hires.

A share is set aside when somebody is hired: the superior counts it as gone until the newcomer is done, and then gets
back what was not spent. The accounts hold the limits; this only looks. Knows nothing of models.
"""

from __future__ import annotations

from parcae.organization.chart import Employee
from parcae.organization.office import Office


def left_usd(office: Office, who: Employee) -> float | None:
    """US dollars that `who` and those who share its purse may still spend; None without a limit."""
    owner, limit = _purse(office, who)
    if limit is None:
        return None
    account = office.scope.account if owner is None else office.scope_of(owner).account
    return max(0.0, limit - account.spent.usd - _set_aside(office, owner))


def allotment(office: Office, superior: Employee, share: float | None) -> float | None:
    """The dollars that `share` of the superior's purse is now; None draws on that purse as needed."""
    if share is None:
        return None
    left = left_usd(office, superior)
    return None if left is None else left * min(max(share, 0.0), 1.0)


def budget_usd(office: Office) -> float | None:
    """The limit of the whole organisation."""
    limits = getattr(office.scope.account, "limits", None)
    usd = getattr(limits, "usd", None)
    return usd if isinstance(usd, float | int) else None


def _purse(office: Office, who: Employee) -> tuple[Employee | None, float | None]:
    """The nearest on the way up for whom money was set aside, and how much; else the organisation's own limit."""
    one: Employee | None = who
    while one is not None:
        if one.allotted_usd is not None:
            return one, one.allotted_usd
        one = office.chart.employees.get(one.by)
    return None, budget_usd(office)


def _set_aside(office: Office, owner: Employee | None) -> float:
    """What is set aside from the purse of `owner` for those below who are at work, and not spent yet."""
    total, level = 0.0, [office.chart.boss] if owner is None and office.chart.boss is not None else []
    if owner is not None:
        level = [office.chart.employees[name] for name in owner.subordinates]
    while level:
        following = []
        for one in level:
            if one.allotted_usd is None:
                following += [office.chart.employees[name] for name in one.subordinates]
            elif one.open:
                total += max(0.0, one.allotted_usd - office.scope_of(one).account.spent.usd)
        level = following
    return total
