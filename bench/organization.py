"""Turns a second of an organisation with durable journal and files, and what an agent costs in time and memory.

A turn is: drain the inbox, one model call, two tool calls and a message; one turn in three writes a file. Models are
scripted and answer at once, so that what is measured is ours. Each agent takes three turns.

    python bench/organization.py [AGENTS ...]
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

from parcae.agents.files import file_tools
from parcae.core.clock import WallClock
from parcae.core.protocols import Journal, ModelCard, OnText, Reply, Request
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.usage import Limits, Price
from parcae.ledger.account import open_account
from parcae.models.scripted import LONG_AGO, count
from parcae.organization.company import Company
from parcae.organization.events import TurnStarted
from parcae.organization.limits import CompanyLimits
from parcae.organization.office import reopened
from parcae.organization.staff import RANKS, Staffing
from parcae.store.sqlite import SqliteJournal
from parcae.workspace import open_workspace

GROUP = 100  # agents of one lead
LIMITS = CompanyLimits(
    agents=1_000_000, children=1_000_000, concurrent=64, letters=1_000_000, seconds=None, turn_steps=4
)


class Worker:
    """Plays everybody: boss, leads and agents. A pure function of what it reads, and a cheap one."""

    card = ModelCard(name="bench", price=Price(prompt_usd=0.1, completion_usd=0.4, nominal=True), local=True)

    def __init__(self, agents: int) -> None:
        self.groups = -(-agents // GROUP)
        self.agents = agents

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        text = str(request.messages[0].parts[-1].content)  # type: ignore[union-attr]
        name = text[len("You are ") : text.index(":")]
        message = self._agent(name, text) if name.startswith("a-") else self._lead(name, text)
        return Reply(message=message, usage=count(request, message))

    def _agent(self, name: str, text: str) -> ModelResponse:
        done = text.count("- you wrote to")
        _, group, number = name.split("-")[:3]
        path = f"out/{group}/{name}.md"  # a folder for each group: git writes a folder's whole list with every file
        if "you handed in" in text:
            return calls(("wait", {}))
        if done >= 2:
            return calls(("hand_in", {"summary": "done", "files": [path]}))
        after = f"a-{group}-{(int(number) + 1) % self._size(int(group))}"
        second: tuple[str, dict[str, object]] = ("list_files", {"under": "none", "pattern": "*"})
        if done == 0:
            second = ("write_file", {"path": path, "content": f"{name} was here\n"})
        return calls(
            ("plan", {"items": [{"text": "one", "state": "done"}]}),
            second,
            ("send_message", {"to": after, "text": "go on"}),
            ("wait", {}),
        )

    def _size(self, group: int) -> int:
        return min(GROUP, self.agents - group * GROUP)

    def _lead(self, name: str, text: str) -> ModelResponse:
        section = text.partition("# Results that wait for your review\n")[2].partition("\n\n#")[0]
        names = re.findall(r"^- (\S+):", section, re.M)
        if "# People you deal with" not in text or "reports to you" not in text:
            if name == "boss":
                hires = [
                    ("hire", {"name": f"lead-{n}", "role": "lead", "task": f"lead {n}"}) for n in range(self.groups)
                ]
            else:
                group = int(name.split("-")[1])
                hires = [
                    ("hire", {"name": f"a-{group}-{n}", "role": "agent", "task": f"agent {group} {n}"})
                    for n in range(self._size(group))
                ]
            return calls(*hires, ("wait", {}))
        reviews = [("review", {"name": one, "verdict": "accept"}) for one in names]
        if reviews:
            return calls(*reviews, ("wait", {}))
        if "(reports to you, working)" in text or "(reports to you, handed_in)" in text:
            return calls(("wait", {}))
        return calls(("hand_in", {"summary": "1 all done"}))


def calls(*wanted: tuple[str, dict[str, object]]) -> ModelResponse:
    parts = [
        ToolCallPart(tool_name=tool, args=args, tool_call_id=f"c{place}") for place, (tool, args) in enumerate(wanted)
    ]
    return ModelResponse(parts=list(parts) or [TextPart(content="")], timestamp=LONG_AGO)


async def run_company(agents: int, journal: Journal, folder: Path) -> Scope:
    """Let a company of `agents` work to its end on `journal`, with its files in `folder`; its scope."""
    main = open_workspace(folder / "work", "run").main
    account = open_account("run", Limits(usd=1_000_000.0), journal)
    scope = Scope(id="run", account=account, journal=journal, clock=WallClock(), seed=1, workspace=main)
    model = Worker(agents)
    staffing = Staffing(ladders=dict.fromkeys(RANKS, (model,)), tools=file_tools(), max_tokens=256)
    company = Company(staffing=staffing, limits=LIMITS)
    task = Task(id="goal", kind="goal", question="Do three turns each.", comparable=False)
    ending = None
    async for step in company.attempt(task, model=model, scope=scope):
        ending = step.ending
    assert ending is not None and ending.reason == "answered", ending
    return scope


async def measure(agents: int) -> dict[str, float]:
    """One company of `agents`; turns a second and memory an agent."""
    gc.collect()
    before = rss_bytes()
    with tempfile.TemporaryDirectory() as folder:
        async with SqliteJournal.open(Path(folder) / "journal.sqlite") as journal:
            begun, cpu = time.perf_counter(), time.process_time()
            scope = await run_company(agents, journal, Path(folder))
            seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
            peak = rss_bytes()
            turns = len(await journal.read("run", [TurnStarted]))
            idle = await idle_bytes(replace(scope, workspace=None), agents)
    return {
        "agents": agents,
        "turns": turns,
        "seconds": round(seconds, 2),
        "turns_per_second": round(turns / seconds, 1),
        "cpu_ms_per_turn": round(1000 * cpu / turns, 3),
        "cpu_ms_per_agent": round(1000 * cpu / agents, 3),
        "ms_per_agent": round(1000 * seconds / agents, 3),
        "mib_at_the_end": round(peak / 2**20, 1),
        "kib_grown_per_agent": round((peak - before) / agents / 1024, 1),
        "idle_kib_per_agent": round(idle / agents / 1024, 2),
    }


async def idle_bytes(scope: Scope, agents: int) -> int:
    """What it takes to hold the whole company when everybody rests: as rebuilt from the journal."""
    import tracemalloc

    tracemalloc.start()
    office = await reopened(scope, LIMITS)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(office.chart.employees) >= agents
    return size


def rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    sizes = [int(one) for one in sys.argv[1:]] or [100, 10_000]
    for size in sizes:
        print(json.dumps(asyncio.run(measure(size))), flush=True)


if __name__ == "__main__":
    main()
