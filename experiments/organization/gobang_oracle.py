"""MegaAgent's four checks of a Gobang page, made by a real headless browser that clicks: runs without error, the user
can move (and only on free points), the computer answers, and the game ends. Knows nothing of who built the page.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

CHECKS = ("runs", "user_move", "ai_move", "termination")
TRIES, SECONDS = 4, 45.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

_CATCH = "<script>window.errors = []; window.onerror = message => { errors.push(String(message)); };</script>"
_PLAY = """<script>
const seen = {errors: window.errors, user_move: false, ai_move: false, termination: false};
try {
  const points = [...document.querySelectorAll("#board button")];
  const at = (row, col) => points[row * 15 + col];
  const count = name => points.filter(point => point.className === name).length;
  at(7, 7).click();
  const first = at(7, 7).className === "black" && count("black") === 1;
  seen.ai_move = count("white") === 1;
  const white = points.find(point => point.className === "white");
  const before = points.map(point => point.className).join();
  at(7, 7).click();
  if (white) white.click();
  seen.user_move = first && before === points.map(point => point.className).join();
  const status = document.getElementById("status");
  for (let turn = 0; turn < 225 && status && !/won|draw/i.test(status.textContent); turn++) {
    const free = points.find(point => point.className === "");
    if (!free) break;
    free.click();
  }
  const ended = status && /won|draw/i.test(status.textContent);
  const after = points.map(point => point.className).join();
  const free = points.find(point => point.className === "");
  if (free) free.click();
  seen.termination = Boolean(ended) && after === points.map(point => point.className).join();
} catch (error) { seen.errors.push(String(error)); }
const verdict = document.createElement("pre");
verdict.id = "verdict";
verdict.textContent = JSON.stringify(seen);
document.body.append(verdict);
</script>"""


def browser() -> str | None:
    """The browser's command; None if there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def checked(folder: Path, screenshot: Path | None = None) -> dict[str, bool]:
    """What the page in `folder` passes."""
    page = folder / "index.html"
    if not page.exists():
        return dict.fromkeys(CHECKS, False)
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / "page"
        shutil.copytree(folder, copy)
        text = page.read_text()
        watched = text.replace("<head>", f"<head>{_CATCH}", 1).replace("</body>", f"{_PLAY}</body>", 1)
        (copy / "index.html").write_text(watched)
        dom = _open(copy / "index.html", Path(work) / "profile", "--dump-dom")
        if screenshot is not None:
            screenshot.parent.mkdir(parents=True, exist_ok=True)
            _open(copy / "index.html", Path(work) / "profile", f"--screenshot={screenshot.resolve()}")
    found = re.search(r'<pre id="verdict">(.*?)</pre>', dom, re.S)
    if found is None:
        return dict.fromkeys(CHECKS, False)
    seen = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return {"runs": not seen["errors"], **{name: bool(seen[name]) for name in CHECKS[1:]}}


def _open(page: Path, profile: Path, *arguments: str) -> str:
    command = [
        *(str(browser()), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--no-first-run", "--disable-background-networking", "--virtual-time-budget=5000", "--window-size=760,900"),
        f"--user-data-dir={profile}",
        *arguments,
        page.as_uri(),
    ]
    for left in range(TRIES - 1, -1, -1):
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False).stdout
        except subprocess.TimeoutExpired:  # a browser that never starts says nothing about the page
            if not left:
                raise
    raise AssertionError("there is at least one try")
