"""The pictures of the dashboard in docs/images, light and dark: python -m experiments.dashboard.pictures"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from experiments.dashboard.living import GROUP, RUN, attempts_begin, living, swap
from experiments.organization.gobang_oracle import browser

FOLDER = Path(__file__).parents[2] / "docs" / "images"
POINTS = [
    {
        "stages": {"locate": {"model": model, "samples": samples}},
        "score": score,
        "low": score - 0.06,
        "high": score + 0.06,
        "cost": cost,
    }
    for model, samples, score, cost in (
        ("small", 1, 0.41, 0.002),
        ("small", 5, 0.58, 0.009),
        ("large", 1, 0.66, 0.02),
        ("large", 3, 0.74, 0.06),
    )
]
VIEWS = {
    "overview": ("/", "table", "light"),
    "organization": (f"/#/runs/{RUN}/organization/agent-1-1", "h2.who", "light"),
    "organization-dark": (f"/#/runs/{RUN}/organization/boss", "h2.who", "dark"),
    "attempts": (f"/#/runs/{GROUP}", "rect.node", "light"),
    "files": (f"/#/runs/{RUN}/files?path=notes/agent-1-1.md", "td code", "light"),
    "frontier": ("/#/documents/example?point=2", "#plan", "light"),
}


async def main() -> None:
    from playwright.async_api import async_playwright

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "documents").mkdir()
        kept = {"schema": "parcae.allocate/1", "pipeline": "an example", "frontier": POINTS, "curves": []}
        (folder / "documents" / "example.json").write_text(json.dumps(kept))
        async with living(folder, agents=624) as here, async_playwright() as play:
            await attempts_begin(here.journal)
            await swap(here.journal)
            chromium = await play.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
            await asyncio.sleep(12)
            for view, (path, awaited, scheme) in VIEWS.items():
                page = await chromium.new_page(color_scheme=scheme, viewport={"width": 1280, "height": 860})
                await page.goto(here.url + path)
                await page.locator(awaited).first.wait_for(timeout=60_000)
                await page.screenshot(path=FOLDER / f"dashboard-{view}.png")
                await page.close()
            await chromium.close()


if __name__ == "__main__":
    asyncio.run(main())
