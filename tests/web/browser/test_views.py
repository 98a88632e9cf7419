"""The frontier, the gateway and signing in, in a real browser before live servers."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from experiments.dashboard.living import GROUP, RUN, attempts_begin, living
from tests.gateway.serving import serving
from tests.hotswap.recordings import write
from tests.web.browser.looking import Page, is_accessible, nothing_ran, opened

from parcae.cli.main import run
from parcae.cli.serve_dashboard import with_dashboard
from parcae.core.plan import parse
from parcae.organization.events import Controlled
from parcae.web.api.server import only

pytestmark = [
    pytest.mark.loopback,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
KEY = "a-key-that-is-long-enough"
ELSEWHERE = ("--host-resolver-rules=MAP dashboard.example 127.0.0.1, MAP evil.example 127.0.0.1",)


async def exported(page: Page) -> str:
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export").click()
    return Path(await (await download.value).path()).read_text(encoding="utf-8")


def allocation(folder: Path) -> None:
    """An allocation of two points, as `parcae allocate` keeps it."""
    points = [
        {"stages": {"draft": {"model": model, "samples": samples}}, "score": score, "low": low, "high": high, "cost": c}
        for model, samples, score, low, high, c in (("small", 3, 0.5, 0.4, 0.6, 0.1), ("large", 2, 0.8, 0.7, 0.9, 0.4))
    ]
    kept = {"schema": "parcae.allocate/1", "pipeline": "drafts", "frontier": points, "curves": []}
    folder.mkdir(exist_ok=True)
    (folder / "drafts.json").write_text(json.dumps(kept))


async def test_a_point_of_an_allocation_is_chosen_read_and_exported_as_a_plan(tmp_path: Path) -> None:
    allocation(tmp_path / "documents")
    async with living(tmp_path, agents=0) as here, opened() as (page, troubles):
        await page.goto(here.url)
        await page.get_by_role("link", name="Frontiers").click()
        await page.get_by_role("link", name="drafts").click()
        await page.get_by_text("Choose a point").wait_for()
        await page.get_by_role("button", name="draft: large ×2").click()
        await page.locator("#plan", has_text="attempts = 2").wait_for()
        assert parse(tomllib.loads(await exported(page))).stages["draft"].ladder == ("large",)
        await is_accessible(page)
        await page.get_by_role("button", name="draft: small ×3").focus()  # the same by keyboard
        await page.keyboard.press("Enter")
        await page.locator("#plan", has_text="attempts = 3").wait_for()
        await page.reload()  # the choice stands in the address
        await page.locator("#plan", has_text="attempts = 3").wait_for()
        assert troubles == []


async def test_what_parcae_frontier_keeps_is_found_and_its_points_are_exported(tmp_path: Path) -> None:
    priced = ["--price", "strong=2.5/10", "--price", "weak=0.1", "--target", "strong", "--sources", "weak"]
    quick = ["--draws", "1", "--most", "5", "--resamples", "100", "--folds", "3", "--quiet"]
    assert run(["frontier", str(write(tmp_path)), *priced, *quick, "--home", str(tmp_path)]) == 0
    async with living(tmp_path, agents=0) as here, opened("dark") as (page, troubles):
        await page.goto(f"{here.url}/#/documents")
        await page.get_by_role("link", name="frontier-strong-").click()
        await page.get_by_role("button", name="fixed", exact=True).click()
        await page.locator("circle.dot").last.click()
        await page.get_by_role("heading", name="The chosen point").wait_for()
        await page.locator("p", has_text="keeps 1.000 at 1.000 of the cost").wait_for()
        plan = parse(tomllib.loads(await exported(page))).default
        assert (plan.ladder, plan.attempts, plan.policy) == (("strong",), 5, "none")
        await page.get_by_role("button", name="ours", exact=True).click()
        await page.locator("circle.dot").first.click()
        await page.get_by_text("needs more than a file").wait_for()
        assert json.loads(await exported(page))["configuration"].startswith("price-aware")
        await is_accessible(page)
        assert troubles == []


async def test_the_gateway_shows_its_keys_budgets_and_runs_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCAE_HOME", str(tmp_path))
    document = {
        "models": {"thrifty": {"ladder": ["builtin:small", "builtin:large"]}},
        "keys": {
            "root": {"secret_env": "ROOT", "admin": True},
            "alice": {"secret_env": "ALICE", "day": {"usd": 5}},
        },
    }
    env = {"ROOT": "root-secret-0123456789", "ALICE": "alice-secret-0123456789"}
    asked = {"model": "thrifty", "messages": [{"role": "user", "content": "<script>window.hacked=1</script>"}]}
    async with serving(document, env=env, beside=with_dashboard) as client, opened() as (page, troubles):
        await page.goto(f"{client.url}/dashboard/#/gateway")
        await page.get_by_label("Key").fill(env["ALICE"])  # a key, but no admin's
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("alert").wait_for()
        await page.get_by_label("Key").fill(env["ROOT"])
        await page.get_by_role("button", name="Sign in").click()
        keys = page.get_by_role("region", name="Keys")
        await keys.get_by_role("cell", name="a day: $5").wait_for()
        await keys.get_by_role("cell", name="since the gateway started: $0").wait_for()  # a key without limits
        await page.get_by_text("No request has come yet").wait_for()
        status, _, _ = await client.post("/v1/chat/completions", asked, authorization=f"Bearer {env['ALICE']}")
        assert status == 200
        runs = page.get_by_role("region", name="Gateway runs")
        await runs.get_by_role("cell", name="builtin:small").wait_for()  # the page asks again by itself
        await keys.get_by_role("cell", name="1 requests").first.wait_for()
        text = await page.content()
        assert not any(secret in text for secret in env.values())
        await nothing_ran(page)
        await is_accessible(page)
        refused = [one for one in troubles if "401" not in one]  # Alice's key, which the browser reports too
        assert refused == []


async def test_under_another_name_nothing_is_told_before_somebody_signs_in(tmp_path: Path) -> None:
    async with living(tmp_path, agents=0, admits=only(KEY)) as here, opened(flags=ELSEWHERE) as (page, _):
        await attempts_begin(here.journal)
        port = here.url.rpartition(":")[2]
        await page.goto(f"http://dashboard.example:{port}/")
        await page.get_by_role("heading", name="Sign in").wait_for()
        assert GROUP not in await page.content()
        await is_accessible(page)
        await page.get_by_label("Key").fill("not the key at all")
        await page.keyboard.press("Enter")
        await page.get_by_role("alert").wait_for()
        assert GROUP not in await page.content()
        await page.get_by_label("Key").fill(KEY)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name=GROUP).wait_for()
        assert await page.evaluate("document.cookie") == ""  # no script reads the session
        assert KEY not in await page.content()
        await page.reload()
        await page.get_by_role("link", name=GROUP).wait_for()
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("heading", name="Sign in").wait_for()
        assert GROUP not in await page.content()
        await page.reload()  # the session is over on the server too
        await page.get_by_role("heading", name="Sign in").wait_for()
        await page.get_by_label("Key").fill(KEY)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name=GROUP).wait_for()
        # another site that the same browser opens may neither act nor read
        await page.route(
            "http://evil.example/*", lambda route: route.fulfill(body="<p>hello", content_type="text/html")
        )
        await page.goto("http://evil.example/")
        acted = """url => fetch(url, {method: "POST", mode: "no-cors", credentials: "include", body: "{}"}).then(
            answer => answer.type, () => "failed")"""
        assert await page.evaluate(acted, f"http://dashboard.example:{port}/api/runs/{RUN}/pause") in (
            "opaque",
            "failed",
        )
        read = 'url => fetch(url, {credentials: "include"}).then(answer => answer.text(), () => "failed")'
        assert await page.evaluate(read, f"http://dashboard.example:{port}/api/overview") == "failed"
        assert await here.journal.read(RUN, [Controlled]) == []


async def test_without_a_key_another_name_for_this_machine_shows_nothing(tmp_path: Path) -> None:
    async with living(tmp_path, agents=0) as here, opened(flags=ELSEWHERE) as (page, _):
        await attempts_begin(here.journal)
        answer = await page.goto(f"http://dashboard.example:{here.url.rpartition(':')[2]}/")
        assert answer is not None and answer.status == 403
        assert GROUP not in await page.content()
