"""The dashboard before 1,000 agents at work: main-thread tasks while it scrolls and updates, and DOM nodes.

    python bench/dashboard.py

The browser reports main-thread tasks of 50 ms and more; shorter ones count as 50.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from experiments.dashboard.living import RUN, living
from experiments.organization.gobang_oracle import browser

SECONDS = 15
WATCH = """() => {
  window.long = []; window.frames = 0;
  const told = list => { for (const one of list.getEntries()) long.push(one.duration); };
  new PerformanceObserver(told).observe({type: "longtask"});
  const tree = document.querySelector(".tree");
  let place = 0;
  const move = () => {
    frames++;
    place = (place + 90) % (tree.scrollHeight - tree.clientHeight);
    tree.scrollTop = place;
    requestAnimationFrame(move);
  };
  requestAnimationFrame(move);
}"""


async def measure() -> dict[str, object]:
    from playwright.async_api import async_playwright

    program = browser()
    assert program is not None, "install Chromium"
    with tempfile.TemporaryDirectory() as folder:
        async with living(Path(folder), agents=1_040, latency=0.15) as here, async_playwright() as play:
            chromium = await play.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = await chromium.new_page(viewport={"width": 1360, "height": 900})
            await page.goto(f"{here.url}/#/runs/{RUN}/organization")
            await page.wait_for_function(
                "() => Number(document.querySelector('.card b')?.textContent) >= 1000", timeout=90_000
            )
            await page.evaluate(WATCH)
            nodes = 0
            for _ in range(SECONDS):
                await asyncio.sleep(1)
                nodes = max(nodes, int(await page.evaluate("document.querySelectorAll('*').length")))
            long = sorted(await page.evaluate("long"))
            frames = await page.evaluate("frames")
            agents = await page.locator(".card b").first.inner_text()
            under_way = here.company is not None and not here.company.done()
            await chromium.close()
    tasks = [50.0] * max(0, frames - len(long)) + long
    return {
        "agents": int(agents),
        "under_way_to_the_end": under_way,
        "frames": frames,
        "tasks_over_50_ms": len(long),
        "long_task_p95_ms": long[math.ceil(0.95 * len(long)) - 1] if long else 0.0,
        "task_p95_ms_at_most": tasks[math.ceil(0.95 * len(tasks)) - 1] if tasks else 0.0,
        "longest_ms": long[-1] if long else 0.0,
        "dom_nodes": nodes,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure())))
