from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.gateway.serving import serving
from tests.gateway.test_modes import ENV, bearer, config
from tests.gateway.upstream import chat, upstream

pytestmark = pytest.mark.loopback


async def test_every_request_leaves_a_line_without_content_and_secrets(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    async with upstream(lambda path, document: chat("the answer")) as up:
        keys = {"alice": {"secret_env": "ALICE"}}
        document = {**config(up.url), "keys": keys, "log": str(file)}
        async with serving(document, env=ENV) as client:
            body = {"model": "thrifty", "messages": [{"role": "user", "content": "the question"}]}
            await client.post("/v1/chat/completions", body, **bearer("ALICE"), x_parcae_run=ENV["ALICE"])
            await client.post("/v1/chat/completions", body)
    text = file.read_text(encoding="utf-8")
    first, second = map(json.loads, text.splitlines())
    assert (first["status"], first["key"], first["step"], first["asked"]) == (200, "alice", 0, "thrifty")
    assert first["run"] == "[redacted]" and second["status"] == 401
    assert "the question" not in text and "the answer" not in text and ENV["ALICE"] not in text
