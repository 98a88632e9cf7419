"""A report names first what the group decided on, whatever a plain vote would say."""

from __future__ import annotations

from pathlib import Path

from tests.agents.test_fault_localization import COVERED

from parcae.core.clock import WallClock
from parcae.core.plan import StagePlan
from parcae.core.plan_rungs import RungPlan
from parcae.jobs.locate import begin_covered, go_on
from parcae.jobs.options import JobOptions
from parcae.jobs.world import World
from parcae.models.scripted import ScriptedModel, say
from parcae.store.memory import MemoryJournal

SAYS = {"weak": "shop.basket.total(items)", "strong": "shop.tax.Rate.apply(self, amount)"}


async def test_the_suspect_of_a_weightier_rung_comes_first_and_ties_are_the_votes() -> None:
    def answers(weight: float) -> StagePlan:
        climb = (RungPlan(attempts=3, batch=3, weight=weight), RungPlan())
        return StagePlan(ladder=("weak", "strong"), policy="climb", climb=climb)

    first = {}
    for weight in (0.1, 1.0):
        models = {name: ScriptedModel(name, iter(lambda text=text: say(text), None)) for name, text in SAYS.items()}
        world = World(journal=MemoryJournal(), clock=WallClock(), open_model=models.__getitem__)
        options = JobOptions(repo=Path(), test="t", stage=answers(weight), budget_usd=None)
        await begin_covered(options, world, COVERED, run="run-1")
        report = await go_on("run-1", world)
        assert report.status == "done" and len(report.suspects) == 2
        assert report.confidence == report.suspects[0].score
        first[weight] = report.suspects[0].name
    assert first == {0.1: "shop.tax.Rate.apply", 1.0: "shop.basket.total"}
