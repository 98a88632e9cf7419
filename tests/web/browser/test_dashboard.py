"""The dashboard in a real browser, before a live server and an organisation of 600 agents at work."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiments.dashboard.living import GROUP, RUN, Living, attempts_begin, living, swap
from tests.web.browser.looking import Page, is_accessible, nothing_ran, opened

pytestmark = [
    pytest.mark.loopback,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ORGANIZATION = f"/#/runs/{RUN}/organization"


async def agents(page: Page) -> int:
    return int(await page.locator(".card b").first.inner_text())


async def wait_for_agents(page: Page, least: int) -> None:
    await page.wait_for_function(
        "least => Number(document.querySelector('.card b')?.textContent) >= least", arg=least, timeout=60_000
    )


async def test_an_organisation_of_600_is_watched_steered_and_reloaded(tmp_path: Path) -> None:
    async with living(tmp_path, agents=624) as here, opened() as (page, troubles):
        await page.goto(here.url + ORGANIZATION)
        await wait_for_agents(page, 600)
        assert await page.evaluate("document.querySelectorAll('*').length") < 3_000
        await nothing_ran(page)
        await is_accessible(page)
        # pause, reload in mid-run, resume
        await page.get_by_role("button", name="Pause").click()
        await page.locator("#paused").wait_for()
        await page.reload()
        await page.locator("#paused").wait_for()
        await page.get_by_role("button", name="Resume").click()
        await page.locator("#paused").wait_for(state="detached")
        # approve what an agent may not do alone
        assert here.published == []
        question = page.locator(".question", has_text="agent-0-0")
        await question.wait_for(timeout=60_000)
        await nothing_ran(page)
        await question.get_by_role("button", name="Approve").click()
        await question.wait_for(state="detached", timeout=30_000)
        # filter, choose by keyboard, write to somebody
        await page.get_by_label("Find").fill("lead-3")
        await page.get_by_role("tree").focus()
        await page.keyboard.press("End")
        await page.keyboard.press("Enter")
        await page.locator("h2.who").wait_for()
        assert "find=lead-3" in page.url
        await nothing_ran(page)
        assert here.company is not None
        await here.company
        assert here.published != []
        await is_accessible(page)
        await page.goto(f"{here.url}/#/runs/{RUN}/files?path=notes/agent-1-1.md")
        await page.locator("td code", has_text="onerror").wait_for()
        await nothing_ran(page)
        await page.locator("section[aria-label=File] li a").first.click()
        await page.locator("pre.diff .add").first.wait_for()
        await nothing_ran(page)
        assert troubles == []


async def test_a_swap_is_seen_happening(tmp_path: Path) -> None:
    async with living(tmp_path, agents=0) as here, opened("dark") as (page, troubles):
        await attempts_begin(here.journal)
        await page.goto(f"{here.url}/#/runs/{GROUP}")
        await page.get_by_text("Nothing was swapped").wait_for()
        boxes = await page.locator("rect.node").count()
        await swap(here.journal)
        await page.locator("ul.swaps", has_text="small → large").wait_for()
        await page.locator("rect.node.swapped").first.wait_for()
        assert await page.locator("rect.node").count() > boxes  # the graph grew: it has the answer
        await page.locator("td code", has_text="ledger.closing_balance").wait_for()
        await page.locator("circle.swapped").wait_for()
        await page.locator("details > summary").first.click()
        await nothing_ran(page)
        await is_accessible(page)
        await page.goto(here.url)
        await page.get_by_role("link", name=GROUP).wait_for()
        await is_accessible(page)
        assert troubles == []


async def test_a_lost_connection_comes_back_without_a_gap(tmp_path: Path) -> None:
    async with living(tmp_path, agents=0) as here, opened() as (page, _):
        await attempts_begin(here.journal)
        await page.goto(f"{here.url}/#/runs/{GROUP}")
        await page.evaluate(
            """run => { window.seen = [];
            window.source = new EventSource(`api/runs/${run}/events`);
            source.onmessage = message => seen.push(Number(message.lastEventId)); }""",
            GROUP,
        )
        before = await rows(here)
        await page.wait_for_function("count => seen.length >= count", arg=len(before))
        await page.context.set_offline(True)
        await swap(here.journal)
        await page.context.set_offline(False)
        await here.drop()
        await page.wait_for_function("count => seen.length >= count", arg=len(await rows(here)), timeout=30_000)
        assert await page.evaluate("seen") == await rows(here)
        await page.locator("ul.swaps", has_text="small → large").wait_for()


async def rows(here: Living) -> list[int]:
    from parcae.web.api.told import STREAMED

    return [entry.seq for entry in await here.journal.read(GROUP, STREAMED)]
