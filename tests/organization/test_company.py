from __future__ import annotations

from tests.organization.scripts import GOAL, SMALL, company, model

from parcae.core.protocols import Journal, Model, Worker
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.organization.limits import CompanyLimits
from parcae.store.memory import MemoryJournal
from parcae.testing.workers import WorkerContract, scope_in


async def run(worker: Worker, journal: Journal, model: Model, *, usd: float = 100.0) -> list[Step]:
    scope = await scope_in(journal, usd=usd)
    return [step async for step in worker.attempt(GOAL, model=model, scope=scope)]


async def test_a_boss_hires_reviews_and_hands_in() -> None:
    clever = model("clever", SMALL)

    steps = await run(company(clever), MemoryJournal(), clever)

    assert [step.asked for step in steps] == [
        "opened: at most $100.00, 100 at work at once, 5 levels",
        "ended: answered",
    ]
    assert steps[-1].ending is not None and steps[-1].ending.answer == ("all is written",)


class TestCompanyIsAWorker(WorkerContract):
    def worker(self) -> Worker:
        return company(self.model(), limits=CompanyLimits(concurrent=1))

    def task(self) -> Task:
        return GOAL

    def model(self) -> Model:
        return model("clever", SMALL)

    def other_model(self) -> Model:
        return model("other", SMALL)
