"""No run uses more than its plan or its budget allows, whichever is the tighter."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.test_fault_localization import COVERED

from parcae.cli.ladder import budget_of, stage_from
from parcae.cli.session import opener
from parcae.cli.settings import Setting, settle
from parcae.core.clock import WallClock
from parcae.core.errors import CallerMistake
from parcae.core.events import Settled
from parcae.core.plan import StagePlan
from parcae.core.usage import Limits
from parcae.jobs.locate import begin_covered, go_on
from parcae.jobs.options import JobOptions, as_text, from_text
from parcae.jobs.report import Report
from parcae.jobs.world import World
from parcae.store.memory import MemoryJournal

UNITS = ("usd", "tokens", "calls", "seconds")
STAGE = StagePlan(ladder=("builtin:small",), attempts=3)


async def used_by(limits: Limits, *, budget_usd: float | None = 1.0) -> tuple[Report, dict[str, float]]:
    """The report of a run under `limits`, and what its calls used in each unit."""
    settings, journal = settle({}, env={}, project=Path()), MemoryJournal()
    world = World(journal=journal, clock=WallClock(), open_model=opener(settings))
    stage = replace(STAGE, limits=limits)
    options = JobOptions(repo=Path(), test="t", stage=stage, budget_usd=budget_usd)
    await begin_covered(options, world, COVERED, run="run-1")
    report = await go_on("run-1", world)
    settled = [one.event for one in await journal.read("run-1", [Settled])]
    used = {unit: sum(asdict(one.actual)[unit] for one in settled) for unit in UNITS}
    return report, used


@pytest.mark.parametrize("unit", ["usd", "tokens", "calls"])
async def test_a_plans_limit_is_never_exceeded(unit: str) -> None:
    _, free = await used_by(Limits())
    for share in (0.0, 0.1, 0.5):
        limit = type(free[unit])(free[unit] * share)
        report, used = await used_by(Limits(**{unit: limit}))
        assert used[unit] <= limit < free[unit]
        assert report.status == "limit" if not share else report.status in ("limit", "done")


async def test_a_call_that_could_take_longer_than_the_plan_allows_is_not_sent() -> None:
    report, used = await used_by(Limits(seconds=100))  # a call may take 120
    assert (report.status, used["calls"]) == ("limit", 0)


async def test_the_tighter_of_plan_and_budget_holds() -> None:
    for plan, budget_usd in ((0.0001, 1.0), (1.0, 0.0001), (0.0001, None)):
        report, used = await used_by(Limits(usd=plan), budget_usd=budget_usd)
        assert report.status == "limit"
        assert used["usd"] <= 0.0001


amounts = st.none() | st.integers(0, 9)
limits = st.builds(Limits, usd=amounts, tokens=amounts, calls=amounts, seconds=amounts)


@given(limits, limits)
def test_the_tightest_limits_are_both_at_once(one: Limits, other: Limits) -> None:
    both = one.tightest(other)
    assert both == other.tightest(one) == both.tightest(one)
    for unit in UNITS:
        known = [value for value in (getattr(one, unit), getattr(other, unit)) if value is not None]
        assert getattr(both, unit) == min(known, default=None)


def budget(value: float, origin: str) -> dict[str, Setting]:
    return {"budget": Setting(name="budget", value=value, origin=origin)}


def test_a_budget_that_was_given_lowers_the_plans_limit_and_never_raises_it() -> None:
    assert budget_of(Limits(usd=5), budget(1.0, "default")) == 5  # nobody asked for less
    assert budget_of(Limits(usd=5), budget(1.0, "flag")) == 1
    assert budget_of(Limits(usd=0.5), budget(1.0, "PARCAE_BUDGET")) == 0.5
    assert budget_of(Limits(), budget(1.0, "default")) == 1
    assert budget_of(Limits(), budget(float("inf"), "flag")) is None
    with pytest.raises(CallerMistake, match="0 or more"):
        budget_of(Limits(), budget(float("nan"), "flag"))


def test_the_limits_of_the_whole_plan_hold_for_its_stages_and_survive_the_journal(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    stages = 'ladder = ["builtin:small"]\n[default.limits]\nusd = 2\n'
    file.write_text(f"version = 1\n[limits]\ncalls = 7\nusd = 0.5\n[default]\n{stages}")
    stage = stage_from(settle({}, env={}, project=tmp_path), "locate", plan=file, swap_attempts=None)
    options = JobOptions(repo=tmp_path, test="t", stage=stage, budget_usd=0.75)
    assert options.limits == from_text(as_text(options)).limits == Limits(usd=0.5, calls=7)
