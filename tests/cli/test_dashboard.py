"""`parcae dashboard` and the dashboard of `parcae serve`, as people start them."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from tests.gateway.serving import serving

from parcae.cli.main import run
from parcae.cli.serve_dashboard import with_dashboard

pytestmark = pytest.mark.loopback


def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "parcae", "dashboard", "--home", str(tmp_path), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["schema"] == "parcae.dashboard/1"

        async def ask() -> int:
            async with aiohttp.ClientSession() as http, http.get(f"{told['url']}/api/overview") as answer:
                return answer.status

        assert asyncio.run(ask()) == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_anything_but_this_machine_needs_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["dashboard", "--home", str(tmp_path), "--host", "0.0.0.0"]
    assert run(arguments) == 2 and "without a key" in capsys.readouterr().err
    monkeypatch.setenv("PARCAE_DASHBOARD_KEY", "short")
    assert run(arguments) == 2 and "too short" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run(["dashboard", "--home", str(tmp_path), "--port", port]) == 2
    assert "name another --port" in capsys.readouterr().err


async def test_the_gateway_shows_its_keys_to_admins_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCAE_HOME", str(tmp_path))
    document = {
        "upstreams": {"up": {"protocol": "openai", "base_url": "http://127.0.0.1:9/v1", "local": True}},
        "keys": {
            "root": {"secret_env": "ROOT", "admin": True},
            "alice": {"secret_env": "ALICE", "day": {"usd": 5}},
        },
    }
    env = {"ROOT": "root-secret-0123456789", "ALICE": "alice-secret-0123456789"}
    async with serving(document, env=env, beside=with_dashboard) as client:
        status, _ = await client.get("/dashboard/api/gateway", authorization=f"Bearer {env['ALICE']}")
        assert status == 401
        status, told = await client.get("/dashboard/api/gateway", authorization=f"Bearer {env['ROOT']}")
        assert status == 200 and [one["name"] for one in told["keys"]] == ["root", "alice"]
        assert told["keys"][1]["limits"] == {"a day": "$5"}
        assert env["ALICE"] not in json.dumps(told)
        status, page = await client.get("/dashboard/")
        assert status == 200 and "app.js" in page
        status, _ = await client.get("/healthz")
        assert status == 200
