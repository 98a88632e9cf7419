"""Anthropic's own Python SDK, unmodified: messages sync, async and streamed."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from anthropic import Anthropic, APIStatusError, AsyncAnthropic

URL, KEY = os.environ["GATEWAY_URL"], os.environ["GATEWAY_KEY"]
SCHEMA = {"type": "object", "properties": {"at": {"type": "integer"}}, "required": ["at"]}
ASKED = {
    "model": "thrifty",
    "max_tokens": 100,
    "system": "Be brief.",
    "tools": [{"name": "look", "description": "Look.", "input_schema": SCHEMA}],
}
QUESTION = [{"role": "user", "content": "What is there?"}]


def results(message) -> dict:
    uses = [block for block in message.content if block.type == "tool_use"]
    content = [{"type": "tool_result", "tool_use_id": use.id, "content": "dark"} for use in uses]
    return {"role": "user", "content": content}


def text(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def sync() -> str:
    client, turns = Anthropic(base_url=URL, api_key=KEY), list(QUESTION)
    while True:
        message = client.messages.create(messages=turns, **ASKED)
        if message.stop_reason != "tool_use":
            return text(message)
        turns += [{"role": "assistant", "content": message.content}, results(message)]


async def in_async() -> str:
    client, turns = AsyncAnthropic(base_url=URL, api_key=KEY), list(QUESTION)
    while True:
        message = await client.messages.create(messages=turns, **ASKED)
        if message.stop_reason != "tool_use":
            return text(message)
        turns += [{"role": "assistant", "content": message.content}, results(message)]


def streamed() -> str:
    client, turns = Anthropic(base_url=URL, api_key=KEY), list(QUESTION)
    while True:
        with client.messages.stream(messages=turns, **ASKED) as stream:
            message = stream.get_final_message()
        if message.stop_reason != "tool_use":
            return text(message)
        turns += [{"role": "assistant", "content": message.content}, results(message)]


def retried() -> str:
    client, turns = Anthropic(base_url=URL, api_key=KEY, max_retries=3), list(QUESTION)
    for _ in range(20):
        try:
            message = client.messages.create(messages=turns, **(ASKED | {"model": "stopper"}))
        except APIStatusError as error:
            return f"{type(error).__name__} {error.body['error']['code']}"
        turns += [{"role": "assistant", "content": message.content}, results(message)]
    return "never stopped"


if __name__ == "__main__":
    modes = {"sync": sync, "async": lambda: asyncio.run(in_async()), "streamed": streamed, "retried": retried}
    print(json.dumps({name: modes[name]() for name in sys.argv[1:]}))
