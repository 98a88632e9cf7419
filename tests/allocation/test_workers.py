"""The agents behind stages: what a `repair` sample says, where it works, and that one cut off by the money goes on."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest
from tests.conftest import missing
from tests.jobs.test_repair import BROKEN, HARMFUL, RIGHT, TEST, committed, fixing, project

from parcae.allocation.drawing import draw_sample
from parcae.allocation.pipeline import Item, Stage
from parcae.allocation.samples import Drawn
from parcae.allocation.scoring import find_metric, scored
from parcae.allocation.workers import Draw, Tools
from parcae.core.clock import WallClock
from parcae.core.errors import CallerMistake, LimitReached
from parcae.core.scope import Scope
from parcae.core.usage import Limits
from parcae.ledger.restore import restore
from parcae.models.scripted import ScriptedModel, say
from parcae.store.memory import MemoryJournal
from parcae.tools.bubblewrap import trouble
from parcae.tools.sandbox import find_sandbox

STAGE = Stage(name="mend", kind="repair", within="locate", models=("scripted:one",))


@pytest.fixture(autouse=True)
def contained() -> None:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")


async def drawn(
    repo: Path, model: ScriptedModel, *, journal: MemoryJournal | None = None, limits: Limits = Limits()
) -> Drawn:
    journal = journal or MemoryJournal()
    account = await restore("allocate-1", limits, journal)
    scope = Scope(id="allocate-1", account=account, journal=journal, clock=WallClock(), seed=1)
    draw = Draw(
        stage=STAGE,
        item=Item(id="total", fields={"repo": str(repo), "test": TEST}),
        model=model,
        outputs={"locate": "shop.price.total\nshop.price.net"},
        scope=scope.child("mend-1"),
        tools=Tools(run="allocate-1", find_sandbox=lambda: find_sandbox(False), copies=repo.parent / "copies"),
    )
    return await draw_sample(draw)


async def test_a_repair_sample_says_what_the_tests_say_and_shows_its_patch(tmp_path: Path) -> None:
    repo = committed(project(tmp_path / "shop"))
    sample = await drawn(repo, ScriptedModel("scripted:one", [fixing(RIGHT)] * 9))
    verdict, _, patch = sample.output.partition("\n")
    assert verdict == "plausible"
    assert "+    return sum(net(price, rate) for price in prices if price >= 0)" in patch
    assert len(sample.calls) == 3
    assert scored(find_metric("plausible"), "plausible", Item(id="total", fields={}), sample.output) == 1
    assert (repo / "shop/price.py").read_text() == BROKEN
    assert list(pygit2.Repository(str(repo)).branches) == ["main"]


async def test_a_patch_that_breaks_other_tests_is_not_plausible(tmp_path: Path) -> None:
    sample = await drawn(project(tmp_path / "shop"), ScriptedModel("scripted:one", [fixing(HARMFUL)] * 9))
    assert sample.output.startswith("breaks other tests\n")
    assert scored(find_metric("plausible"), "plausible", Item(id="total", fields={}), sample.output) == 0


async def test_an_attempt_without_a_change_is_no_patch(tmp_path: Path) -> None:
    model = ScriptedModel("scripted:one", [say("I do not know")] * 9)
    assert (await drawn(project(tmp_path / "shop"), model)).output == "no patch"


async def test_an_attempt_that_ran_out_of_money_goes_on_and_asks_for_nothing_twice(tmp_path: Path) -> None:
    repo, journal = committed(project(tmp_path / "shop")), MemoryJournal()
    model = ScriptedModel("scripted:one", [fixing(RIGHT)] * 3)  # one answer more would be asked for in vain
    with pytest.raises(LimitReached):
        await drawn(repo, model, journal=journal, limits=Limits(calls=1))
    sample = await drawn(repo, model, journal=journal, limits=Limits(calls=20))
    assert sample.output.startswith("plausible\n")
    assert len(sample.calls) == 3


async def test_what_an_attempt_reserved_ahead_and_did_not_use_is_free_after_a_crash(tmp_path: Path) -> None:
    journal, model = MemoryJournal(), ScriptedModel("scripted:one", [fixing(RIGHT)] * 9)
    await drawn(project(tmp_path / "shop"), model, journal=journal, limits=Limits(calls=200))
    again = await restore("allocate-1", Limits(calls=200), journal)
    assert again.spent.calls == 3


async def test_an_item_without_a_test_is_named(tmp_path: Path) -> None:
    repo = project(tmp_path / "shop")
    scope = Scope(
        id="allocate-1",
        account=await restore("allocate-1", Limits(), MemoryJournal()),
        journal=MemoryJournal(),
        clock=WallClock(),
        seed=1,
    )
    draw = Draw(
        stage=STAGE,
        item=Item(id="odd", fields={"repo": str(repo)}),
        model=ScriptedModel("scripted:one", []),
        outputs={"locate": ""},
        scope=scope,
        tools=Tools(run="allocate-1", find_sandbox=lambda: find_sandbox(False)),
    )
    with pytest.raises(CallerMistake, match="item 'odd' has no 'test'"):
        await draw_sample(draw)
