"""The agent loop without and with ledger and journal, beside other frameworks, as ratios in one run.

    python bench/agent_loop.py [--repeats 30] [--no-peers] [--json]

An agent makes 20 tool calls of a model that answers at once, then says that it is done: microseconds a step. "cpu" is
the CPU time of this process and does not care who else uses the machine; "wall" is the shortest seen. A step with both
is durable in two parts, so an agent alone waits for two syncs of the disk, which are measured beside it: no program can
go below them. Attempts run side by side share syncs, so ten of them, as `--samples 10` has it, stand there too. Then
1,000 agents with 5 calls each of a model that takes 50 ms: seconds in all, and the most memory. The others run in an
environment of their own (out/peers), which the first run makes. Bounds: 120 us bare, 300 us with both; 8 times under
each other one; 1.0 s bare, 1.6 s with both, 150 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

from parcae.agents.loop import Agent
from parcae.agents.role import Role
from parcae.cli.heap import collect_rarely
from parcae.core.clock import WallClock
from parcae.core.protocols import ModelCard, OnText, Reply, Request
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.usage import Limits, Price, Usage
from parcae.ledger.account import free_account, open_account
from parcae.store.nowhere import NowhereJournal
from parcae.store.sqlite import SqliteJournal
from parcae.tools.function import function_tool

STEPS, AGENTS, CALLS, LATENCY_SECONDS = 20, 1000, 5, 0.05
TOGETHER = 10  # attempts side by side
HERE = Path(__file__).parent
PEERS_HOME = HERE.parent / "out" / "peers"
PEERS = ("langgraph==1.*", "langchain==1.*", "openai-agents<1", "pydantic-ai-slim>=2.60,<3")
BOUNDS_US = {"bare": 120.0, "with both": 300.0, "with both, 10 at once": 300.0}
BOUNDS_SECONDS = {"bare": 1.0, "with both": 1.6}
BOUND_MB, BOUND_RATIO = 150.0, 8.0
USAGE = Usage(prompt_tokens=10, completion_tokens=2)
TASK = Task(id="t", kind="bench", question="Do it.")


def look(word: str) -> str:
    """Look a word up."""
    return word


class Instant:
    """A model that calls a tool `calls` times, then says that it is done; it counts nothing, as the others' fakes."""

    def __init__(self, calls: int, latency_seconds: float) -> None:
        self.card = ModelCard(name="m", price=Price(prompt_usd=0.1, completion_usd=0.1), local=True)
        self.calls, self.latency_seconds = calls, latency_seconds

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        number = len(request.messages)
        part: TextPart | ToolCallPart = TextPart(content="done")
        if number <= 2 * self.calls:
            part = ToolCallPart(tool_name="look", args={"word": "a"}, tool_call_id=f"c{number}")
        return Reply(message=ModelResponse(parts=[part]), usage=USAGE)


def agent(calls: int) -> Agent:
    return Agent(
        Role(
            name="bench",
            system="Be quick.",
            opening=lambda task, scope: task.question,
            tools=(function_tool(look, effect="read"),),
            max_steps=calls + 2,
        )
    )


async def attempt(worker: Agent, calls: int, scope: Scope, latency_seconds: float = 0.0) -> None:
    async for _ in worker.attempt(TASK, model=Instant(calls, latency_seconds), scope=scope):
        pass


@asynccontextmanager
async def scopes(both: bool) -> AsyncIterator[Callable[[str], Scope]]:
    """Makes scopes by name: bare, or with a limited account and a durable journal on disk."""
    if not both:
        bare = NowhereJournal()
        yield lambda name: Scope(id=name, account=free_account(name), journal=bare, clock=WallClock(), seed=1)
        return
    with tempfile.TemporaryDirectory(dir=HERE.parent / "out") as folder:
        async with SqliteJournal.open(Path(folder) / "journal.sqlite") as journal:
            root = Scope(
                id="run",
                account=open_account("run", Limits(usd=1e6), journal),
                journal=journal,
                clock=WallClock(),
                seed=1,
            )
            yield root.child


async def step_us(name: str, repeats: int) -> dict[str, float]:
    """Microseconds a step: the least CPU and the shortest time of `repeats` tries."""
    together = TOGETHER if "at once" in name else 1
    worker, walls, cpus = agent(STEPS), [], []
    async with scopes(name != "bare") as scope:
        for number in range(repeats):
            here = [scope(f"a{number}-{place}") for place in range(together)]
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(attempt(worker, STEPS, one) for one in here))
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    steps = STEPS * together
    return {"cpu_us": min(cpus) / steps * 1e6, "wall_us": min(walls) / steps * 1e6}


def two_syncs_us(times: int = 200) -> dict[str, float]:
    """What two syncs of one written page take on this disk, in a file that is large enough already."""
    walls, cpus = [], []
    with tempfile.TemporaryFile(dir=HERE.parent / "out") as file:
        file.write(bytes(1 << 20))
        file.flush()
        os.fsync(file.fileno())
        for number in range(times):
            wall, cpu = time.perf_counter(), time.process_time()
            for place in (number, number + 1):
                os.pwrite(file.fileno(), bytes(4096), 4096 * (place % 256))
                os.fdatasync(file.fileno())
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    return {"cpu_us": statistics.median(cpus) * 1e6, "wall_us": statistics.median(walls) * 1e6}


async def crowd_seconds(both: bool) -> dict[str, float]:
    """Seconds for all agents side by side."""
    worker = agent(CALLS)
    async with scopes(both) as scope:
        here = [scope(f"a{number}") for number in range(AGENTS)]
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(attempt(worker, CALLS, one, LATENCY_SECONDS) for one in here))
        return {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def one_crowd(both: bool) -> dict[str, float]:
    collect_rarely()  # as in every command
    found = asyncio.run(crowd_seconds(both))
    return {**found, "most_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def crowd(both: bool, tries: int = 3) -> dict[str, float]:
    """The shortest of a few tries, each in a process of its own, so that memory is its own."""
    command = [sys.executable, __file__, "--crowd", "both" if both else "bare"]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(tries)]
    return min(found, key=lambda one: float(one["wall_seconds"]))


def peers(repeats: int) -> dict[str, dict[str, float]]:
    """The same loop in the other frameworks, each in a process of its own."""
    python = PEERS_HOME / "bin" / "python"
    if not (PEERS_HOME / ".ready").exists():
        print(f"setting up {PEERS_HOME} (once)", file=sys.stderr)
        venv.create(PEERS_HOME, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PEERS], check=True)
        (PEERS_HOME / ".ready").touch()
    found = {}
    for name in ("langgraph", "openai-agents", "pydantic-ai Agent.run"):
        command = [str(python), str(HERE / "peers" / "loop.py"), name, str(STEPS), str(max(repeats // 3, 5))]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--crowd", choices=["bare", "both"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    (HERE.parent / "out").mkdir(exist_ok=True)
    if options.crowd:
        print(json.dumps(one_crowd(options.crowd == "both")))
        return
    steps = {name: asyncio.run(step_us(name, options.repeats)) for name in BOUNDS_US}
    syncs = two_syncs_us()
    crowds = {name: crowd(name != "bare") for name in BOUNDS_SECONDS}
    others = {} if options.no_peers else peers(options.repeats)
    if options.json:
        print(json.dumps({"steps": steps, "two_syncs": syncs, "crowds": crowds, "peers": others}))
        return
    show(steps, crowds, others)
    print(f"{'two syncs of this disk':<24} {syncs['cpu_us']:8.0f} us CPU {syncs['wall_us']:8.0f} us")


def show(
    steps: dict[str, dict[str, float]], crowds: dict[str, dict[str, float]], others: dict[str, dict[str, float]]
) -> None:
    for name, one in steps.items():
        held = "held" if one["wall_us"] <= BOUNDS_US[name] else "MISSED"
        print(f"{name:<24} {one['cpu_us']:8.0f} us CPU {one['wall_us']:8.0f} us   bound {BOUNDS_US[name]:.0f}: {held}")
    for name, one in others.items():
        ratio = one["cpu_us"] / steps["bare"]["cpu_us"]
        held = "held" if ratio >= BOUND_RATIO else "MISSED"
        print(f"{name:<24} {one['cpu_us']:8.0f} us CPU {one['wall_us']:8.0f} us   {ratio:.1f} times bare: {held}")
    for name, one in crowds.items():
        held = "held" if one["wall_seconds"] <= BOUNDS_SECONDS[name] and one["most_mb"] <= BOUND_MB else "MISSED"
        print(
            f"{AGENTS} agents, {name:<11} {one['wall_seconds']:8.2f} s {one['cpu_seconds']:6.2f} s CPU "
            f"{one['most_mb']:.0f} MB   bounds {BOUNDS_SECONDS[name]} s, {BOUND_MB:.0f} MB: {held}"
        )


if __name__ == "__main__":
    main()
