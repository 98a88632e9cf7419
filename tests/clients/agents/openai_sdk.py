"""OpenAI's own Python SDK, unmodified: chat completions sync, async and streamed, and responses."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from openai import APIStatusError, AsyncOpenAI, OpenAI

URL, KEY, MODEL = os.environ["GATEWAY_URL"] + "/v1", os.environ["GATEWAY_KEY"], "thrifty"
SCHEMA = {"type": "object", "properties": {"at": {"type": "integer"}}, "required": ["at"]}
TOOL = {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": SCHEMA}}
FLAT_TOOL = {"type": "function", "name": "look", "description": "Look.", "parameters": SCHEMA, "strict": False}
QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is there?"}]


def results(message) -> list[dict]:
    return [{"role": "tool", "tool_call_id": call.id, "content": "dark"} for call in message.tool_calls]


def sync() -> str:
    client, messages = OpenAI(base_url=URL, api_key=KEY), list(QUESTION)
    while True:
        message = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message
        if not message.tool_calls:
            return message.content
        messages += [message, *results(message)]


async def in_async() -> str:
    client, messages = AsyncOpenAI(base_url=URL, api_key=KEY), list(QUESTION)
    while True:
        reply = await client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
        message = reply.choices[0].message
        if not message.tool_calls:
            return message.content
        messages += [message.model_dump(exclude_none=True), *results(message)]


def streamed() -> str:
    client, messages = OpenAI(base_url=URL, api_key=KEY), list(QUESTION)
    while True:
        with client.chat.completions.stream(model=MODEL, messages=messages, tools=[TOOL]) as stream:
            for _ in stream:
                pass
            message = stream.get_final_completion().choices[0].message
        if not message.tool_calls:
            return message.content
        messages += [message, *results(message)]


def responses() -> str:
    client, items = OpenAI(base_url=URL, api_key=KEY), [QUESTION[1]]
    while True:
        reply = client.responses.create(
            model=MODEL, input=items, tools=[FLAT_TOOL], instructions="Be brief.", store=False
        )
        calls = [item for item in reply.output if item.type == "function_call"]
        if not calls:
            return reply.output_text
        items += reply.output
        items += [{"type": "function_call_output", "call_id": call.call_id, "output": "dark"} for call in calls]


def responses_streamed() -> str:
    client, items = OpenAI(base_url=URL, api_key=KEY), [QUESTION[1]]
    while True:
        with client.responses.stream(model=MODEL, input=items, tools=[FLAT_TOOL], store=False) as stream:
            for _ in stream:
                pass
            reply = stream.get_final_response()
        calls = [item for item in reply.output if item.type == "function_call"]
        if not calls:
            return reply.output_text
        items += [item.model_dump(exclude={"parsed_arguments"}) for item in reply.output]
        items += [{"type": "function_call_output", "call_id": call.call_id, "output": "dark"} for call in calls]


def retried() -> int:
    """How often the SDK asks, all retries included, once a run was stopped."""
    client = OpenAI(base_url=URL, api_key=KEY, max_retries=3)
    messages = list(QUESTION)
    for _ in range(20):
        try:
            message = (
                client.chat.completions.create(model="stopper", messages=messages, tools=[TOOL]).choices[0].message
            )
        except APIStatusError as error:
            return f"{type(error).__name__} {error.body['code']}"
        messages += [message, *results(message)]
    return "never stopped"


if __name__ == "__main__":
    modes = {"sync": sync, "async": lambda: asyncio.run(in_async()), "streamed": streamed}
    modes |= {"responses": responses, "responses_streamed": responses_streamed, "retried": retried}
    print(json.dumps({name: modes[name]() for name in sys.argv[1:]}))
