"""CPU per request on the OpenAI path: our Model seam, pydantic-ai's own path, and the SDK alone, in one run.

    python bench/openai_path.py [--requests 300] [--json]

The server runs in a process of its own, so that only the client's CPU counts. "cold": every message object is new, as
after a resume; "kept": the history grows by two messages a request, as in a run. Bounds: 1.3 ms at 20 messages and 3 ms
at 200 cold, 1 ms kept.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from pydantic_ai import direct
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition

from parcae.core.protocols import Model, Request, ToolSpec
from parcae.models.catalog import Catalog
from parcae.models.open import open_model

BOUNDS_MS = {"ours cold 20": 1.3, "ours cold 200": 3.0, "ours kept 20": 1.0, "ours kept 200": 1.0}
TEXT = "def total(rows):\n    return sum(row.amount for row in rows)\n" * 8  # about 500 bytes a message
TOOLS = tuple(
    ToolSpec(
        name=f"tool_{number}",
        description="Read a piece of the project.",
        parameters={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    )
    for number in range(4)
)
SERVER = """
import asyncio, json
BODY = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0,
  "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop", "logprobs": None}],
  "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}}).encode()
HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(BODY)
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            size = next(int(l.split(b":")[1]) for l in head.lower().split(b"\\r\\n") if l.startswith(b"content-length"))
            await reader.readexactly(size)
            writer.write(HEAD + BODY)
    except asyncio.IncompleteReadError:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def turn(number: int) -> list[ModelMessage]:
    call = ToolCallPart(tool_name="tool_1", args='{"path": "a.py"}', tool_call_id=f"call-{number}")
    answer = ToolReturnPart(tool_name="tool_1", content=TEXT, tool_call_id=f"call-{number}")
    return [ModelResponse(parts=[call]), ModelRequest(parts=[answer])]


def history(messages: int) -> list[ModelMessage]:
    talk: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(content=TEXT)])]
    for number in range((messages - 1) // 2):
        talk += turn(number)
    return talk


async def measured(
    ask: Callable[[list[ModelMessage]], Awaitable[object]], messages: int, requests: int, kept: bool
) -> float:
    """Milliseconds of CPU for one request; building histories is not counted."""
    talk = history(messages)
    await ask(talk)
    spent = 0.0
    for number in range(requests):
        talk = talk[:-2] + turn(10_000 + number) if kept else history(messages)
        gc.collect(0)
        begun = time.process_time()
        await ask(talk)
        spent += time.process_time() - begun
    return spent / requests * 1e3


def askers(url: str, ours: Model) -> dict[str, tuple[Callable[[list[ModelMessage]], Awaitable[object]], bool]]:
    plain = OpenAIChatModel("m", provider=OpenAIProvider(base_url=url, api_key="none"))
    told = ModelRequestParameters(
        function_tools=[
            ToolDefinition(name=t.name, description=t.description, parameters_json_schema=dict(t.parameters))
            for t in TOOLS
        ]
    )

    async def through_ours(talk: list[ModelMessage]) -> object:
        return await ours.reply(Request(messages=talk, tools=TOOLS))

    async def through_pydantic_ai(talk: list[ModelMessage]) -> object:
        return await direct.model_request(
            plain, talk, model_settings={"max_tokens": 1024}, model_request_parameters=told
        )

    return {
        "ours cold": (through_ours, False),
        "ours kept": (through_ours, True),
        "pydantic-ai direct": (through_pydantic_ai, True),
    }


async def run(requests: int) -> dict[str, float]:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        found = {}
        ours = open_model(f"openai:m@{url}", catalog=Catalog(), env={})
        for name, (ask, kept) in askers(url, ours).items():
            for messages in (20, 200):
                count = requests if "ours" in name else max(requests // 5, 20)
                found[f"{name} {messages}"] = await measured(ask, messages, count, kept)
        await ours.close()
        return found
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(run(options.requests))
    if options.json:
        host = {"python": platform.python_version(), "cpus": os.cpu_count()}
        print(json.dumps({"cpu_ms_a_request": found, "bounds_ms": BOUNDS_MS, **host}))
        return
    for name, value in found.items():
        bound = BOUNDS_MS.get(name)
        note = "" if bound is None else f"   bound {bound} ms: {'held' if value <= bound else 'MISSED'}"
        print(f"{name:<24} {value:7.3f} ms CPU{note}")


if __name__ == "__main__":
    main()
