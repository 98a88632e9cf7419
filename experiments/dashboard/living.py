"""A dashboard with something to show: a scripted organisation under way, and a group of attempts, on a real server.

Its agents write HTML and scripts on purpose. Used by the browser's tests, the measurement and the pictures.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from pydantic_ai.messages import ModelResponse

from parcae.agents.files import file_tools
from parcae.core.clock import WallClock
from parcae.core.events import AttemptStarted, Decided, Forecasted, RunStarted, StepCompleted, StepObserved, StepReplied
from parcae.core.protocols import ModelCard
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Ending, Observation
from parcae.core.usage import Limits, Price, Usage
from parcae.ledger.account import open_account
from parcae.models.scripted import call, together
from parcae.organization.company import Company
from parcae.organization.limits import CompanyLimits
from parcae.organization.staff import RANKS, Staffing
from parcae.store.sqlite import SqliteJournal
from parcae.testing.employees import Seen, employees, numbered
from parcae.tools.function import function_tool
from parcae.web.api.routes import House, application
from parcae.workspace import Branch, open_workspace

RUN, GROUP = "run-20261125-090000-0001", "locate-20261125-091500-0002"
EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
PRICE = Price(prompt_usd=1.0, completion_usd=4.0, nominal=True)
PLAN = 'version = 1\n[default]\nladder = ["small", "large"]\n'
GOAL = f"Survey six hundred pages and publish what is true. {EVIL}"


@dataclass
class Living:
    """The server's address, the journal behind it, and the organisation's task."""

    url: str
    journal: SqliteJournal
    company: asyncio.Task[None] | None = None
    published: list[str] = field(default_factory=list)
    server: uvicorn.Server | None = None

    async def drop(self) -> None:
        """Cut every connection, as a lost network would."""
        assert self.server is not None
        for connection in list(self.server.server_state.connections):
            connection.transport.abort()


@asynccontextmanager
async def living(
    folder: Path, *, agents: int = 600, latency: float = 0.05, admits: Callable[[str], bool] | None = None
) -> AsyncIterator[Living]:
    """Serve a home in `folder` while an organisation of `agents` works there. None at work if `agents` is 0."""
    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        main = open_workspace(folder / "work", RUN).main
        here = Living("", journal)
        await _begin(journal)
        async with serving(here, _house(here, main, folder), admits):
            if agents:
                here.company = asyncio.create_task(_work(here, main, agents, latency))
            try:
                yield here
            finally:
                if here.company is not None:
                    here.company.cancel()
                    with suppress(asyncio.CancelledError):
                        await here.company


def _house(here: Living, main: Branch, folder: Path) -> House:
    async def branch_of(run: str) -> Branch | None:
        return main if run == RUN else None

    def card_of(name: str) -> ModelCard:
        return ModelCard(name=name, price=PRICE, local=True)

    def closing() -> bool:
        return here.server is not None and here.server.should_exit

    documents = folder / "documents"
    return House(journal=here.journal, card_of=card_of, branch_of=branch_of, documents=documents, closing=closing)


@asynccontextmanager
async def serving(
    here: Living, house: House, admits: Callable[[str], bool] | None = None, port: int = 0
) -> AsyncIterator[None]:
    """The dashboard on a port of 127.0.0.1; `here` learns its address."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    settings = uvicorn.Config(
        application(house, admits),
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = here.server = uvicorn.Server(settings)
    running = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0)
    here.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield
    finally:
        server.should_exit = True
        await running
        listener.close()


async def _begin(journal: SqliteJournal) -> None:
    options = {"plan": PLAN, "rest": json.dumps({"budget_usd": 5.0})}
    task = Task(id="goal", kind="goal", question=GOAL, comparable=False)
    await journal.append([RunStarted(scope=RUN, command="run", task=task, seed=1, options=options)])


async def _work(here: Living, main: Branch, agents: int, latency: float) -> None:
    account = open_account(RUN, Limits(usd=5.0), here.journal)
    scope = Scope(
        id=f"{RUN}/company",
        account=account,
        journal=here.journal,
        clock=WallClock(),
        seed=1,
        grants=frozenset({"publish"}),
        workspace=main,
    )

    async def publish(scope: Scope, text: str) -> str:
        """Publish a text."""
        here.published.append(text)
        return "published"

    model = employees("small", cast_of(agents), price=PRICE, latency_seconds=latency)
    staffing = Staffing(
        ladders=dict.fromkeys(RANKS, (model,)),
        tools=(*file_tools(), function_tool(publish, effect="outside")),
        approvals=frozenset({"publish"}),
        human=True,
        max_tokens=128,
    )
    limits = CompanyLimits(agents=100_000, children=100_000, concurrent=16, letters=1_000)
    company = Company(staffing=staffing, limits=limits, listen=True)
    task = Task(id="goal", kind="goal", question=GOAL, comparable=False)
    async for _ in company.attempt(task, model=model, scope=scope):
        pass


def cast_of(agents: int) -> Callable[[Seen], ModelResponse]:
    """The boss hires leads, leads hire 25 agents each; everybody hands in; one must ask a person first."""
    leads = max(1, agents // 26)

    def superior(seen: Seen, names: list[str], role: str) -> ModelResponse:
        if "you hired" not in seen.text and seen.replies == 0:
            hires = [call("hire", name=name, role=role, task=f"Part {name}: {EVIL}") for name in names]
            return together(*hires, call("wait"))
        if seen.replies == 0 and seen.waiting:
            reviews = [call("review", name=name, verdict="accept") for name in seen.waiting]
            return together(*reviews, call("wait"))
        if set(seen.open_people) - set(seen.waiting):
            return call("wait")
        return call("hand_in", summary=f"all is done {EVIL}", files=[])

    def agent(seen: Seen) -> ModelResponse:
        if seen.name == "agent-0-0":
            return _asker(seen)
        if seen.replies == 0:
            plan = call("plan", items=[{"text": f"read {EVIL}", "state": "done"}])
            if seen.name.endswith("-1"):
                note = call("write_file", path=f"notes/{seen.name}.md", content=f"# Notes\n{EVIL}\nof {seen.name}\n")
                return together(plan, note)
            return plan
        return call("hand_in", summary=f"read it {EVIL}")

    def script(seen: Seen) -> ModelResponse:
        if seen.name == "boss":
            return numbered(superior(seen, [f"lead-{n}" for n in range(leads)], "lead"), len(seen.request.messages))
        if seen.name.startswith("lead-"):
            number = seen.name.split("-")[1]
            return superior(seen, [f"agent-{number}-{n}" for n in range(25)], "reader")
        return agent(seen)

    return script


def _asker(seen: Seen) -> ModelResponse:
    """Wants to publish, which a person must allow."""
    if seen.replies == 0:
        return call("publish", text=f"the findings {EVIL}")
    published = any("published" in str(part.content) for part in seen.returns)
    return call("hand_in", summary="published") if published else call("wait")


# ---- a group of attempts, one event at a time


async def attempts_begin(journal: SqliteJournal, attempts: int = 3) -> None:
    """A run of three attempts at finding a fault, four steps each."""
    task = Task(id="t", kind="locate", question="Which function is to blame?")
    options = {"plan": PLAN, "budget_usd": "0.5"}
    await journal.append([RunStarted(scope=GROUP, command="locate", task=task, seed=1, options=options)])
    for number in range(attempts):
        await journal.append([AttemptStarted(scope=f"{GROUP}/attempt-{number}", model="small")])
    for step in range(4):
        for number in range(attempts):
            await one_step(journal, number, step, "small")
        looked = (step + 1,) * attempts
        forecast = Forecasted(
            scope=GROUP, p_fail=0.3 + 0.15 * step, trust=0.8, reasons=("they disagree",), looked_at=looked
        )
        await journal.append([forecast])


async def one_step(journal: SqliteJournal, number: int, step: int, model: str, answer: str | None = None) -> None:
    """One step of one attempt."""
    scope, place = f"{GROUP}/attempt-{number}", f"ledger.part_{(number + step) % 4}"
    usage = Usage(prompt_tokens=1200, completion_tokens=80)
    reply = numbered(call("get_code", name=place), 2 * step)
    call_id = reply.tool_calls[0].tool_call_id
    seen = Observation(call_id=call_id, tool="get_code", content=f"def part(): ...  # {EVIL}")
    ending = None if answer is None else Ending(reason="answered", answer=(answer,))
    await journal.append(
        [
            StepReplied(scope=scope, step=step, model=model, reply=reply, usage=usage, cost_usd=PRICE.cost_usd(usage)),
            StepObserved(scope=scope, step=step, observation=seen),
            StepCompleted(scope=scope, step=step, model=model, ending=ending),
        ]
    )


async def swap(journal: SqliteJournal) -> None:
    """The attempts go on with the strong model, and answer."""
    looked = (4, 4, 4)
    decided = Decided(
        scope=GROUP, action="swap", rung=1, attempts=(0, 1, 2), why="failure looks likely", looked_at=looked
    )
    await journal.append([decided])
    for number in range(3):
        scope = f"{GROUP}/attempt-{number}"
        await journal.append([AttemptStarted(scope=scope, model="large", rung=1, after_steps=4)])
        await one_step(journal, number, 4, "large", answer="ledger.closing_balance")
