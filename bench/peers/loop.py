"""The loop of `bench/agent_loop.py` in another framework: NAME STEPS REPEATS. Run by the Python of out/peers."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

os.environ["LANGSMITH_TRACING"] = "false"
warnings.simplefilter("ignore")


def look(word: str) -> str:
    """Look a word up."""
    return word


def langgraph(steps: int) -> Callable[[], Awaitable[object]]:
    from langchain.agents import create_agent
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    class Fake(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "fake"

        def bind_tools(self, tools: Any, **changes: Any) -> Any:
            return self

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
            done = sum(message.type == "tool" for message in messages)
            call = {"name": "look", "args": {"word": "a"}, "id": f"c{done}"}
            said = AIMessage(content="done") if done >= steps else AIMessage(content="", tool_calls=[call])
            return ChatResult(generations=[ChatGeneration(message=said)])

        async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
            return self._generate(messages)

    agent = create_agent(Fake(), [look], system_prompt="Be quick.")
    config = {"recursion_limit": 4 * steps}
    return lambda: agent.ainvoke({"messages": [("user", "Do it.")]}, config)


def openai_agents(steps: int) -> Callable[[], Awaitable[object]]:
    from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

    from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled

    set_tracing_disabled(True)

    class Fake(Model):
        async def get_response(self, system_instructions: Any, input: Any, *rest: Any, **more: Any) -> ModelResponse:
            items = [] if isinstance(input, str) else input
            done = sum(item.get("type") == "function_call_output" for item in items)
            if done >= steps:
                text = ResponseOutputText(text="done", type="output_text", annotations=[])
                said: Any = ResponseOutputMessage(
                    id="m", content=[text], role="assistant", status="completed", type="message"
                )
            else:
                said = ResponseFunctionToolCall(
                    arguments='{"word": "a"}', call_id=f"c{done}", name="look", type="function_call"
                )
            return ModelResponse(output=[said], usage=Usage(), response_id=None)

        def stream_response(self, *rest: Any, **more: Any) -> Any:
            raise NotImplementedError

    agent = Agent(name="bench", instructions="Be quick.", model=Fake(), tools=[function_tool(look)])
    return lambda: Runner.run(agent, "Do it.", max_turns=steps + 2)


def pydantic_ai(steps: int) -> Callable[[], Awaitable[object]]:
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel
    from pydantic_ai.usage import UsageLimits

    def answer(messages: Any, info: Any) -> ModelResponse:
        done = len(messages) // 2
        said: Any = TextPart(content="done") if done >= steps else ToolCallPart("look", {"word": "a"})
        return ModelResponse(parts=[said])

    agent = Agent(FunctionModel(answer), instructions="Be quick.", tools=[look])
    limits = UsageLimits(request_limit=steps + 2)
    return lambda: agent.run("Do it.", usage_limits=limits)


MAKERS = {"langgraph": langgraph, "openai-agents": openai_agents, "pydantic-ai Agent.run": pydantic_ai}


async def measured(once: Callable[[], Awaitable[object]], steps: int, repeats: int) -> dict[str, float]:
    await once()
    walls, cpus = [], []
    for _ in range(repeats):
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        await once()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"cpu_us": min(cpus) / steps * 1e6, "wall_us": min(walls) / steps * 1e6}


if __name__ == "__main__":
    name, steps, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(asyncio.run(measured(MAKERS[name](steps), steps, repeats))))
