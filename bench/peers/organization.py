"""The work of `bench/organization.py` in another framework: NAME AGENTS. Run by a Python that has the framework.

A turn is what it is there: a message wakes an agent, its model is asked once, two tools are called, and a message goes
to the next of its group; one turn in three writes a file; each agent takes three turns. The models are scripted and
answer at once. Neither framework keeps a journal or versions of files here: files are written plainly, state is in
memory.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

os.environ["LANGSMITH_TRACING"] = "false"
warnings.simplefilter("ignore")
GROUP, TURNS = 100, 3
FOLDER = Path(tempfile.mkdtemp())


def plan(items: list[str]) -> str:
    """Write a checklist."""
    return f"{len(items)} items are on your checklist"


def write_file(path: str, content: str) -> str:
    """Write a file."""
    file = FOLDER / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return f"{path} is written"


def list_files(under: str) -> str:
    """List the files below a folder."""
    return "no files"


def wanted(name: str, turn: int) -> list[tuple[str, dict[str, Any]]]:
    """The two calls of a turn."""
    if turn == 0:
        return [("plan", {"items": ["one"]}), ("write_file", {"path": f"out/{name}.md", "content": f"{name}\n"})]
    return [("plan", {"items": ["one"]}), ("list_files", {"under": "none"})]


def after(number: int, agents: int) -> int:
    """The next in the group of `number`."""
    first = number // GROUP * GROUP
    size = min(GROUP, agents - first)
    return first + (number - first + 1) % size


def autogen_core(agents: int) -> Callable[[], Awaitable[int]]:
    """Routed agents on the runtime of one process, which send each other messages."""
    from dataclasses import dataclass

    from autogen_core import AgentId, CancellationToken, FunctionCall, MessageContext, RoutedAgent, message_handler
    from autogen_core import SingleThreadedAgentRuntime as Runtime
    from autogen_core.models import (
        AssistantMessage,
        CreateResult,
        FunctionExecutionResult,
        FunctionExecutionResultMessage,
        RequestUsage,
        SystemMessage,
        UserMessage,
    )
    from autogen_core.tools import FunctionTool

    @dataclass
    class Letter:
        text: str

    globals().update(Letter=Letter, MessageContext=MessageContext)  # where it looks for what annotations name
    tools = [FunctionTool(one, description=one.__doc__ or "") for one in (plan, write_file, list_files)]
    by_name = {tool.name: tool for tool in tools}
    turns, done = 0, asyncio.Event()

    class Scripted:
        """Stands for a model client; only what the agent below calls."""

        async def create(self, messages: Any, *, tools: Any, name: str, turn: int) -> CreateResult:
            calls = [
                FunctionCall(id=f"c{place}", name=tool, arguments=json.dumps(arguments))
                for place, (tool, arguments) in enumerate(wanted(name, turn))
            ]
            usage = RequestUsage(prompt_tokens=sum(len(str(one.content)) for one in messages), completion_tokens=9)
            return CreateResult(finish_reason="function_calls", content=calls, usage=usage, cached=False)

    class Employee(RoutedAgent):
        def __init__(self) -> None:
            super().__init__("an agent")
            self.said: list[Any] = [SystemMessage(content="You are an agent.")]
            self.turn = 0

        @message_handler
        async def on_letter(self, message: Letter, ctx: MessageContext) -> None:
            nonlocal turns
            if self.turn >= TURNS:
                return
            self.said.append(UserMessage(content=message.text, source="user"))
            name = self.id.key
            result = await model.create(self.said, tools=tools, name=name, turn=self.turn)
            self.said.append(AssistantMessage(content=result.content, source=name))
            came = []
            for call in result.content:
                said = await by_name[call.name].run_json(json.loads(call.arguments), CancellationToken())
                came.append(FunctionExecutionResult(content=str(said), call_id=call.id, is_error=False, name=call.name))
            self.said.append(FunctionExecutionResultMessage(content=came))
            self.turn += 1
            turns += 1
            if turns == agents * TURNS:
                done.set()
            target = AgentId("employee", str(after(int(name), agents)))
            asyncio.get_running_loop().create_task(runtime.send_message(Letter("go on"), target, sender=self.id))

    model, runtime = Scripted(), Runtime()

    async def once() -> int:
        await Employee.register(runtime, "employee", Employee)
        runtime.start()
        first = [
            asyncio.ensure_future(runtime.send_message(Letter("your task"), AgentId("employee", str(number))))
            for number in range(agents)
        ]
        await asyncio.gather(*first)
        await runtime.stop_when_idle()
        await done.wait()
        return turns

    return once


def langgraph_supervisor(agents: int) -> Callable[[], Awaitable[int]]:
    """A supervisor that hands over to each agent three times; an agent hands back when its calls are done."""
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult
    from langgraph.prebuilt import create_react_agent
    from langgraph_supervisor import create_supervisor

    turns = 0

    class Fake(BaseChatModel):
        who: str

        @property
        def _llm_type(self) -> str:
            return "fake"

        def bind_tools(self, tools: Any, **changes: Any) -> Any:
            return self

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
            return ChatResult(generations=[ChatGeneration(message=self.say(messages))])

        async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
            return self._generate(messages)

        def say(self, messages: Any) -> AIMessage:
            nonlocal turns
            if self.who == "supervisor":
                if turns >= agents * TURNS:
                    return AIMessage(content="all done")
                call = {"name": f"transfer_to_a{turns % agents}", "args": {}, "id": f"t{turns}"}
                return AIMessage(content="", tool_calls=[call])
            if messages[-1].type == "tool" and not messages[-1].name.startswith("transfer"):
                turns += 1
                return AIMessage(content="go on")
            calls = [
                {"name": tool, "args": arguments, "id": f"c{turns}-{place}"}
                for place, (tool, arguments) in enumerate(wanted(self.who, turns // agents))
            ]
            return AIMessage(content="", tool_calls=calls)

    workers = [
        create_react_agent(Fake(who=f"a{number}"), [plan, write_file, list_files], name=f"a{number}")
        for number in range(agents)
    ]
    graph = create_supervisor(workers, model=Fake(who="supervisor"), output_mode="last_message").compile()

    async def once() -> int:
        await graph.ainvoke({"messages": [("user", "Do three turns each.")]}, {"recursion_limit": 20 * agents * TURNS})
        return turns

    return once


MAKERS = {"autogen-core": autogen_core, "langgraph-supervisor": langgraph_supervisor}


async def measured(name: str, agents: int) -> dict[str, Any]:
    once = MAKERS[name](agents)
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    turns = await once()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert turns == agents * TURNS, turns
    return {
        "peer": name,
        "agents": agents,
        "turns": turns,
        "turns_per_second": round(turns / wall, 1),
        "cpu_ms_per_turn": round(1000 * cpu / turns, 3),
        "mib_at_the_end": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(sys.argv[1], int(sys.argv[2])))))
