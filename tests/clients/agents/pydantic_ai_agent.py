"""pydantic-ai's Agent, unmodified, through its OpenAI and Anthropic models."""

from __future__ import annotations

import json
import os
import sys

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

URL, KEY = os.environ["GATEWAY_URL"], os.environ["GATEWAY_KEY"]


def run(model) -> str:
    agent = Agent(model, instructions="Be brief.")

    @agent.tool_plain
    def look(at: int) -> str:
        """Look."""
        return "dark"

    return agent.run_sync("What is there?").output


def over_openai() -> str:
    return run(OpenAIChatModel("thrifty", provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY)))


def over_anthropic() -> str:
    return run(AnthropicModel("thrifty", provider=AnthropicProvider(base_url=URL, api_key=KEY)))


if __name__ == "__main__":
    modes = {"openai": over_openai, "anthropic": over_anthropic}
    print(json.dumps({name: modes[name]() for name in sys.argv[1:]}))
