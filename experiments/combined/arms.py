"""The ways in which a goal is met: alone, by a plain organisation, with each part added, and with all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from parcae.core.plan import Plan, StagePlan
from parcae.core.plan_rungs import RungPlan

SMALL, LARGE = "builtin:small", "builtin:large"
STRONG = StagePlan(ladder=(LARGE,), temperature=0.2)
CHEAP = StagePlan(ladder=(SMALL,), temperature=0.2)
SWAPPED = StagePlan(ladder=(SMALL, LARGE), policy="parallel@4", temperature=0.2)
CLIMBING = replace(
    SWAPPED,
    policy="climb",
    climb=(RungPlan(attempts=2, look=(4,), swap_above=0.6, then="resume"), RungPlan(attempts=2)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """`plan` for an organisation; None: one agent alone on `single`."""

    name: str
    plan: Plan | None = None
    single: str = LARGE


ARMS = (
    Arm(name="single large"),
    Arm(name="single small", single=SMALL),
    Arm(name="plain", plan=Plan(default=STRONG)),
    Arm(name="plan", plan=Plan(default=CHEAP, stages={"boss": STRONG})),
    Arm(name="swap", plan=Plan(default=SWAPPED)),
    Arm(name="all", plan=Plan(default=CLIMBING, stages={"boss": STRONG})),
)
