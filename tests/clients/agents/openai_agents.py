"""openai-agents' Runner, unmodified, over responses (its default) and chat completions."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from openai import AsyncOpenAI

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)


@function_tool
def look(at: int) -> str:
    """Look."""
    return "dark"


def run(kind) -> str:
    client = AsyncOpenAI(base_url=os.environ["GATEWAY_URL"] + "/v1", api_key=os.environ["GATEWAY_KEY"])
    agent = Agent(
        name="looker", instructions="Be brief.", tools=[look], model=kind(model="thrifty", openai_client=client)
    )
    return asyncio.run(Runner.run(agent, "What is there?")).final_output


if __name__ == "__main__":
    set_tracing_disabled(True)
    modes = {"responses": OpenAIResponsesModel, "chat": OpenAIChatCompletionsModel}
    print(json.dumps({name: run(modes[name]) for name in sys.argv[1:]}))
