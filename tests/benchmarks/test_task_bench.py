"""`parcae bench run` inside: a bench that died goes on, pays nothing twice and comes to the same; arms; failures."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace

from tests.conftest import ROOT

from parcae.benchmarks.graders import Grader
from parcae.benchmarks.items import read_items
from parcae.benchmarks.task_bench import ItemJudged, TaskBench, run_items, task_table
from parcae.core.errors import ProviderFailed
from parcae.core.events import StepReplied
from parcae.core.plan import StagePlan
from parcae.core.protocols import Journal, Model
from parcae.jobs.world import World
from parcae.models.scripted import ScriptedModel, say
from parcae.store.memory import MemoryJournal
from parcae.testing.clock import StillClock
from parcae.testing.crashes import Crash, MortalJournal
from parcae.tools.unsandboxed import unsandboxed

FILE = ROOT / "examples" / "items" / "gsm8k.jsonl"
BENCH = TaskBench(
    name="mine",
    kind="gsm8k",
    file=FILE,
    stage=StagePlan(ladder=("weak", "strong"), attempts=2),
    seed=3,
    budget_usd=1.0,
    grader=Grader(sandbox=unsandboxed()),
)
ITEMS = read_items("gsm8k", FILE)[:2]


def model(name: str) -> Model:
    """The strong one knows the first item only; the weak one is always wrong."""
    return ScriptedModel(
        name,
        [lambda request: say("#### 12" if name == "strong" and "baker" in str(request.messages) else "I guess 5, or 4")]
        * 40,
    )


async def verdicts(journal: Journal, bench: TaskBench = BENCH) -> list[dict[str, ItemJudged]]:
    world = World(journal=journal, clock=StillClock(), open_model=model)
    return [dict(one) async for one in run_items(ITEMS, bench, world)]


async def test_a_bench_that_dies_at_any_write_goes_on_to_the_same_and_pays_nothing_twice() -> None:
    whole = await verdicts(MemoryJournal())
    assert [one["strong"].voted for one in whole] == [True, False]
    for lives in range(0, 200, 3):
        journal = MemoryJournal()
        mortal = MortalJournal(journal, lives)
        with suppress(Crash, BaseExceptionGroup):
            await verdicts(mortal)
        if not mortal.dead:
            break
        assert await verdicts(journal) == whole, f"died at append {lives}"
        names = {name.event.scope for name in await journal.read("mine-1-weak", [StepReplied])}
        assert len(names) == 2
        for run in ("mine-1-weak", "mine-1-strong", "mine-2-weak", "mine-2-strong"):
            replies = Counter((one.event.scope, one.event.step) for one in await journal.read(run, [StepReplied]))
            assert set(replies.values()) == {1}, f"died at append {lives}: a reply was paid twice"
    else:
        raise AssertionError("the bench never came to its end")


async def test_a_policy_is_an_arm_of_its_own_and_differences_are_paired() -> None:
    found = await verdicts(MemoryJournal(), replace(BENCH, stage=replace(BENCH.stage, policy="sequential@1")))
    table = task_table(found, kind="gsm8k", seed=1)
    assert set(found[0]) == {"weak", "strong", "sequential@1"}
    assert set(table["differences"]) == {"strong - weak", "sequential@1 - weak"}  # type: ignore[call-overload]  # a mapping


async def test_attempts_that_the_provider_ended_are_counted_as_such() -> None:
    def broken(name: str) -> Model:
        return ScriptedModel(name, [ProviderFailed("down", "wait")] * 9)

    world = World(journal=MemoryJournal(), clock=StillClock(), open_model=broken)
    found = [one async for one in run_items(ITEMS[:1], BENCH, world)]
    assert (found[0]["weak"].failed, found[0]["weak"].voted, found[0]["weak"].solved) == (2, False, (False, False))
