"""Requests made up from the gateway's own OpenAPI document, by schemathesis, against a gateway with two upstreams."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass

from tests.clients import environment
from tests.gateway.serving import serving
from tests.gateway.upstream import Document, chat, chat_stream, messages, messages_stream, upstream

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuzzed:
    """How it ended, what schemathesis said, and how often each endpoint answered with each status."""

    exit_code: int | None
    said: str
    statuses: Counter[tuple[str, int]]


def reply(path: str, document: Document) -> object:
    stream = document.get("stream") is True
    if path == "/messages":
        return messages_stream("ok") if stream else messages("ok")
    if path == "/embeddings":
        return {"data": [], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    return chat_stream("ok") if stream else chat("ok")


def config(url: str) -> Document:
    return {
        "upstreams": {
            "oa": {"base_url": url, "retries": 0},
            "an": {"base_url": url, "protocol": "anthropic", "retries": 0},
        },
        "models": {
            "thrifty": {"ladder": ["oa:small", "an:large"], "policy": "parallel@2", "mode": "swap"},
            "other": {"ladder": ["an:small", "oa:large"], "policy": "stop@2", "mode": "stop"},
        },
    }


async def fuzz(examples: int, seed: int = 1) -> Fuzzed:
    """Ask with at most `examples` made-up requests for each endpoint and phase."""
    with tempfile.TemporaryDirectory() as folder:  # where it keeps what it found
        return await _fuzz(examples, seed, folder)


async def _fuzz(examples: int, seed: int, folder: str) -> Fuzzed:
    async with upstream(reply) as up, serving(config(up.url)) as served:
        child = await asyncio.create_subprocess_exec(
            str(environment.python().with_name("schemathesis")),
            *("run", f"{served.url}/openapi.json", "--checks", CHECKS, "--max-examples", str(examples)),
            *("--phases", "examples,coverage,fuzzing", "--seed", str(seed), "--no-color"),
            *("--request-timeout", "60", "--workers", "1", "--suppress-health-check", "too_slow"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
        )
        said = (await child.communicate())[0].decode()
        return Fuzzed(exit_code=child.returncode, said=said, statuses=Counter(served.gateway.metrics.requests))
