"""The pictures of the dashboard in docs/images: python -m experiments.dashboard.pictures [VIEW...]"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.dashboard.living import GROUP, RUN, attempts_begin, living, swap
from experiments.organization.gobang_oracle import browser

ROOT = Path(__file__).parents[2]
FOLDER, AGENT = ROOT / "docs" / "images", str(ROOT / "examples" / "gateway_agent.py")
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


GATEWAY = """
listen = "127.0.0.1:0"
[models.thrifty]
ladder = ["builtin:small", "builtin:large"]
policy = "parallel@4"
mode = "swap"
[keys.ops]
secret_env = "OPS"
admin = true
[keys.alice]
secret_env = "ALICE"
day = { usd = 5 }
task = { usd = 0.50, requests = 200 }
"""
KEYS = {"OPS": "ops-key-for-the-pictures", "ALICE": "alice-key-for-the-pictures"}


@contextmanager
def gateway(folder: Path) -> Iterator[str]:
    """A gateway whose journal has the runs of two agents; tells its address."""
    (folder / "gateway.toml").write_text(GATEWAY)
    env = {**os.environ, **KEYS, "PARCAE_HOME": str(folder)}
    command = [sys.executable, "-m", "parcae", "serve", "--config", str(folder / "gateway.toml")]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as served:
        assert served.stderr is not None
        url = served.stderr.readline().split()[-1]
        try:
            for seed in ("8", "9"):
                asking = {**env, "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEYS["ALICE"], "SEED": seed}
                subprocess.run([sys.executable, AGENT], env=asking, check=True, stdout=subprocess.DEVNULL)
            yield url
        finally:
            served.terminate()


async def main(wanted: set[str]) -> None:
    from playwright.async_api import Page, async_playwright

    async def take(page: Page, view: str, awaited: str) -> None:
        await page.locator(awaited).first.wait_for(timeout=60_000)
        await page.screenshot(path=FOLDER / f"dashboard-{view}.png")
        await page.close()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with async_playwright() as play:
            chromium = await play.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
            if "gateway" in wanted:
                with gateway(folder) as url:
                    page = await chromium.new_page(viewport={"width": 1280, "height": 560})
                    await page.goto(f"{url}/dashboard/#/gateway")
                    await page.get_by_label("Key").fill(KEYS["OPS"])
                    await page.get_by_role("button", name="Sign in").click()
                    await take(page, "gateway", "[aria-label='Gateway runs'] td")
            if views := {view: how for view, how in VIEWS.items() if view in wanted}:
                house = folder / "house"
                (house / "documents").mkdir(parents=True)
                kept = {"schema": "parcae.allocate/1", "pipeline": "an example", "frontier": POINTS, "curves": []}
                (house / "documents" / "example.json").write_text(json.dumps(kept))
                async with living(house, agents=624) as here:
                    await attempts_begin(here.journal)
                    await swap(here.journal)
                    await asyncio.sleep(12)
                    for view, (path, awaited, scheme) in views.items():
                        page = await chromium.new_page(color_scheme=scheme, viewport={"width": 1280, "height": 860})
                        await page.goto(here.url + path)
                        await take(page, view, awaited)
            await chromium.close()


if __name__ == "__main__":
    asyncio.run(main(set(sys.argv[1:]) or {*VIEWS, "gateway"}))
