"""The read API as a client meets it: documents, acts, sessions, forged and curious requests."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest
from experiments.dashboard.living import GROUP, RUN, Living, attempts_begin, living, swap
from tests.conftest import ROOT

from parcae.organization.events import Controlled
from parcae.store.forget import forget
from parcae.web.api.openapi import document, reference
from parcae.web.api.server import only

pytestmark = pytest.mark.loopback
KEY = "a-key-that-is-long-enough"


async def get(here: Living, path: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(here.url + path, headers=headers) as answer:
        return answer.status, await answer.text()


async def post(here: Living, path: str, body: object, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as http, http.post(here.url + path, json=body, headers=named) as answer:
        return answer.status


async def token(here: Living) -> str:
    return str(json.loads((await get(here, "/api/session"))[1])["csrf"])


async def test_attempts_tell_steps_swaps_votes_and_forecasts(tmp_path: Path) -> None:
    async with living(tmp_path, agents=0) as here:
        await attempts_begin(here.journal)
        await swap(here.journal)
        told = json.loads((await get(here, f"/api/runs/{GROUP}/attempts"))[1])
        first = told["attempts"][0]
        assert [step["model"] for step in first["steps"]] == ["small"] * 4 + ["large"]
        assert first["swaps"][0]["to"] == "large" and first["steps"][0]["calls"][0]["result"].startswith("def part")
        assert told["votes"] == [{"name": "ledger.closing_balance", "share": 1.0}]
        assert [round(one["p_fail"], 2) for one in told["forecasts"]] == [0.3, 0.45, 0.6, 0.75]
        graph = json.loads((await get(here, f"/api/runs/{GROUP}/graph"))[1])
        assert sum(node["visits"] for node in graph["nodes"]) == 3 * 5 + 3
        glance = json.loads((await get(here, f"/api/runs/{GROUP}"))[1])
        assert (glance["strongest"], glance["budget_usd"], glance["attempts"]) == ("large", 0.5, 3)


async def test_an_organisation_is_told_whole_and_then_only_what_changed(tmp_path: Path) -> None:
    async with living(tmp_path, agents=26, latency=0.0) as here:
        path = f"/api/runs/{RUN}/organization"
        told: dict[str, object] = {"questions": []}
        while not told["questions"]:  # the one who must ask has asked
            told = json.loads((await get(here, path))[1])
        rows = {one["name"]: one for one in told["employees"]}  # type: ignore[attr-defined]
        assert rows["lead-0"]["by"] == "boss" and len(rows) == told["agents"] == 27
        about = told["questions"][0]["key"]  # type: ignore[index]
        said = {"about": about, "text": "yes"}
        assert await post(here, f"/api/runs/{RUN}/approve", said, x_parcae_csrf=await token(here)) == 200
        assert here.company is not None
        await here.company
        fresh = json.loads((await get(here, f"{path}?since={told['seq']}"))[1])
        assert {"agent-0-0", "lead-0", "boss"} <= {one["name"] for one in fresh["employees"]}
        assert here.published and fresh["states"] == {"done": 27}
        one = json.loads((await get(here, f"{path}/agent-0-1"))[1])
        assert one["checklist"][0]["state"] == "done" and one["turns"] and one["letters"]
        assert json.loads((await get(here, f"/api/runs/{RUN}/accounts"))[1])["accounts"]
        listed = json.loads((await get(here, f"/api/runs/{RUN}/files"))[1])["files"]
        assert [row["author"] for row in listed] == ["agent-0-1"]
        query = f"path={listed[0]['path']}"
        lines = json.loads((await get(here, f"/api/runs/{RUN}/files/blame?{query}"))[1])["lines"]
        assert lines[0]["text"] == "# Notes" and lines[0]["author"] == "agent-0-1"
        changes = json.loads((await get(here, f"/api/runs/{RUN}/files/history?{query}"))[1])["changes"]
        wanted = f"/api/runs/{RUN}/files/diff?{query}&commit={changes[0]['commit']}"
        assert "+# Notes" in json.loads((await get(here, wanted))[1])["diff"]


async def test_what_a_deleted_run_forecast_is_not_told_of_the_next_one_of_its_name(tmp_path: Path) -> None:
    path = f"/api/runs/{GROUP}/attempts"
    async with living(tmp_path, agents=0) as here:
        await attempts_begin(here.journal)
        await swap(here.journal)
        before = json.loads((await get(here, path))[1])
        await forget(here.journal, [GROUP])
        assert (await get(here, path))[0] == 404
        await attempts_begin(here.journal)
        after = json.loads((await get(here, path))[1])
    assert [len(one["steps"]) for one in after["attempts"]] == [4, 4, 4]
    assert len(after["forecasts"]) == len(before["forecasts"]) == 4


@pytest.mark.parametrize("place", ["9" * 30, "9" * 5000, "x"])
async def test_a_place_that_no_journal_has_is_the_beginning(tmp_path: Path, place: str) -> None:
    async with living(tmp_path, agents=0) as here:
        await attempts_begin(here.journal)
        url, headers = f"{here.url}/api/runs/{GROUP}/events", {"Last-Event-ID": place}
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
            assert answer.status == 200
            lines = [await answer.content.readline() for _ in range(4)]
    assert lines[2].startswith(b"id: ")


async def test_a_person_steps_in_through_the_journal_and_only_with_the_token(tmp_path: Path) -> None:
    async with living(tmp_path, agents=0) as here:
        path, right = f"/api/runs/{RUN}/pause", await token(here)
        assert await post(here, path, {}) == 403
        assert await post(here, path, {}, x_parcae_csrf="wrong") == 403
        assert await post(here, path, {}, x_parcae_csrf=right, Origin="http://evil.example") == 403
        assert await post(here, path, {}, x_parcae_csrf=right, Sec_Fetch_Site="cross-site") == 403
        assert await here.journal.read(RUN, [Controlled]) == []
        assert await post(here, path, {}, x_parcae_csrf=right) == 200
        assert [one.event.action for one in await here.journal.read(RUN, [Controlled])] == ["pause"]
        message = {"to": "nobody", "text": "x"}
        assert await post(here, f"/api/runs/{RUN}/message", message, x_parcae_csrf=right) == 400
        assert await post(here, f"/api/runs/{RUN}/approve", {"about": "none"}, x_parcae_csrf=right) == 400
        assert await post(here, "/api/runs/none/pause", {}, x_parcae_csrf=right) == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs/..%2f..%2fetc/attempts",
        f"/api/runs/{RUN}/files/blame?path=../../../../etc/passwd",
        f"/api/runs/{RUN}/files/blame?path=/etc/passwd",
        f"/api/runs/{RUN}/files/blame?path=.git/config",
        f"/api/runs/{RUN}/files/diff?path=x&commit=HEAD",
        "/api/documents/..%2f..%2fjournal",
        "/api/documents/http:%2f%2f169.254.169.254%2f",
        "/..%2f..%2f..%2f..%2fetc/passwd",
        f"/api/runs/{RUN}/events?after=-1",
    ],
)
async def test_paths_lead_nowhere_else(tmp_path: Path, path: str) -> None:
    async with living(tmp_path, agents=0) as here:
        status, text = await get(here, path)
        assert status in (400, 404) and "root:" not in text and "Traceback" not in text


async def test_another_name_of_this_machine_is_refused_without_a_key(tmp_path: Path) -> None:
    async with living(tmp_path, agents=0) as here:
        assert (await get(here, "/api/overview", Host="rebound.example"))[0] == 403
        async with aiohttp.ClientSession() as http, http.get(here.url + "/") as answer:
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            assert answer.headers["x-frame-options"] == "DENY" and "<script>" not in await answer.text()


async def test_with_a_key_nothing_is_told_before_somebody_signs_in(tmp_path: Path) -> None:
    async with living(tmp_path, agents=0, admits=only(KEY)) as here:
        assert (await get(here, "/api/overview"))[0] == 401
        assert (await get(here, "/api/overview", Authorization="Bearer wrong"))[0] == 401
        assert (await get(here, "/api/overview", Authorization=f"Bearer {KEY}"))[0] == 200
        assert await post(here, "/api/session", {"key": "wrong"}) == 401
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(here.url, cookie_jar=jar) as http:
            async with http.post("/api/session", json={"key": KEY}) as answer:
                cookie, csrf = answer.headers["set-cookie"].lower(), (await answer.json())["csrf"]
                assert "httponly" in cookie and "samesite=strict" in cookie
            async with http.get("/api/overview") as answer:
                assert answer.status == 200
            async with http.post(f"/api/runs/{RUN}/pause") as answer:
                assert answer.status == 403
            async with http.post(f"/api/runs/{RUN}/pause", headers={"x-parcae-csrf": csrf}) as answer:
                assert answer.status == 200


async def test_allocations_are_listed_and_exported(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    point = {"stages": {"draft": {"model": "small", "samples": 3}}, "score": 0.5, "low": 0.4, "high": 0.6, "cost": 0.1}
    kept = {"schema": "parcae.allocate/1", "pipeline": "p", "frontier": [point], "curves": []}
    (folder / "one.json").write_text(json.dumps(kept))
    (folder / "secret.json").write_text('{"password": 1}')
    async with living(tmp_path, agents=0) as here:
        listed = json.loads((await get(here, "/api/documents"))[1])["documents"]
        assert [(one["name"], one["kind"]) for one in listed] == [("one", "allocation")]
        assert "attempts = 3" in (await get(here, "/api/documents/one/plan?point=0"))[1]
        assert (await get(here, "/api/documents/secret"))[0] == 400


async def test_the_page_of_the_api_and_its_document_tell_of_the_same_endpoints(tmp_path: Path) -> None:
    assert reference() in (ROOT / "docs/api.md").read_text(encoding="utf-8")
    async with living(tmp_path, agents=0) as here:
        assert json.loads((await get(here, "/api/openapi.json"))[1]) == document()
        assert json.loads((await get(here, "/api/gateway"))[1])["here"] is False
