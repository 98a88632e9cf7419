"""Debian's Chromium before a page, and what must hold on every page that it opens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from experiments.organization.gobang_oracle import browser
from tests.conftest import missing

try:
    import playwright.async_api as playwright
    from playwright.async_api import Page
except ImportError:
    missing("playwright")


@asynccontextmanager
async def opened(scheme: str = "light", *, flags: Sequence[str] = ()) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page in Debian's Chromium, and what went wrong in it."""
    program = browser()
    if program is None:
        missing("a Chromium browser")
    async with playwright.async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=program, args=["--no-sandbox", *flags])
        context = await chromium.new_context(color_scheme=scheme, viewport={"width": 1360, "height": 900})
        page, troubles = await context.new_page(), []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: dialog.accept())
        try:
            yield page, troubles
        finally:
            await chromium.close()


async def nothing_ran(page: Page) -> None:
    """What agents wrote is on the page as text, and none of it ran."""
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("main img, main script").count() == 0


async def is_accessible(page: Page) -> None:
    import axe_playwright_python

    source = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
    await page.evaluate(source + "\n;0")
    found = json.loads(await page.evaluate("axe.run(document).then(told => JSON.stringify(told.violations))"))
    serious = [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
