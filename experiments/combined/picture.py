"""The picture of the page that `make run` ends with: python -m experiments.combined.picture out/run.html"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from experiments.organization.gobang_oracle import browser

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "run.png"


async def main(address: str) -> None:
    """Open the page in Chromium and take its first screen."""
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = await chromium.new_page(color_scheme="light", viewport={"width": 1180, "height": 900})
        await page.goto(address)
        await page.locator("summary").first.wait_for()
        await page.screenshot(path=PICTURE)
        await chromium.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).resolve().as_uri()))
