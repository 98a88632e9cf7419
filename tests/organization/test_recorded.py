"""MegaAgent's recorded run, its messages and writes sent through our mailboxes and files: none lost, none dropped."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_ai.messages import ToolCallPart

from parcae.agents.calls import run_calls
from parcae.agents.files import file_tools
from parcae.organization.delegation import ask_for, hiring
from parcae.organization.events import Order
from parcae.organization.letters import letter_tools
from parcae.organization.limits import CompanyLimits
from parcae.organization.office import Office, reopened
from parcae.store.memory import MemoryJournal
from parcae.testing.workers import scope_in
from parcae.workspace import open_workspace

LIMITS = CompanyLimits(letters=0)


@pytest.fixture
def rows(shared_data: Path) -> list[dict]:
    with gzip.open(shared_data / "megaagent_gobang.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


async def team(rows: list[dict]) -> Office:
    office = Office(await scope_in(MemoryJournal()), LIMITS)
    await office.record(*hiring(office, None, Order(name="boss", role="boss", task="Gobang"), "open"))
    for row in rows:
        if row["kind"] == "hire":
            order = Order(name=row["agent"], role="agent", task=row["content"])
            await ask_for(office, office.chart.employees["boss"], order, f"hire-{row['event']}")
    return office


async def test_every_recorded_message_arrives_once_and_in_order(rows: list[dict]) -> None:
    office, sent = await team(rows), [row for row in rows if row["kind"] == "message"]
    [send] = letter_tools(office)
    for row in sent:
        sender = office.chart.employees[row["sender"]]
        arguments = {"to": row["agent"], "text": row["content"]}
        for _ in range(2):  # the second time as after a crash: with the same key
            await send.call(arguments, office.scope_of(sender), key=f"message-{row['event']}")

    again = await reopened(office.scope, LIMITS)

    assert len(sent) == 124
    for name in {row["agent"] for row in sent}:
        recorded = [row["content"] for row in sent if row["agent"] == name]
        assert [letter.text for letter in again.boxes[name].drain() if letter.what == "message"] == recorded


async def test_every_recorded_write_is_done_in_one_batch_and_the_last_of_each_file_stands(
    rows: list[dict], tmp_path: Path
) -> None:
    office = await team(rows)
    main = open_workspace(tmp_path / "work", "run").main
    tools = {tool.spec.name: tool for tool in file_tools()}
    writes = [row for row in rows if row["kind"] == "assistant" and row["tool"] == "write_file"]
    assert len(writes) == 30

    last: dict[str, str] = {}
    for number, row in enumerate(writes):
        arguments = row["arguments"] if isinstance(row["arguments"], dict) else json.loads(row["arguments"])
        path, content = arguments["filename"], arguments["content"]
        based_on = main.look(path).version if path in last else None
        scope = replace(office.scope_of(office.chart.employees[row["agent"]]), workspace=main.member(f"m{number}"))
        call = ToolCallPart("write_file", {"path": path, "content": content, "based_on": based_on}, "call")
        seen = [one async for one in run_calls([call], tools, scope, number)]
        assert [one.is_error for one in seen] == [False], seen
        last[path] = content

    assert {path: main.read(path).decode() for path in last} == last


async def test_a_batch_of_all_recorded_calls_of_one_agent_drops_none(rows: list[dict]) -> None:
    """Its code drops the 21st call of a batch; the busiest agent made far more over its run."""
    office = await team(rows)
    [send] = letter_tools(office)
    grace = office.chart.employees["Grace"]
    mine = [row for row in rows if row["kind"] == "message" and row["sender"] == "Grace"]
    calls = [
        ToolCallPart("send_message", {"to": row["agent"], "text": row["content"]}, f"c{n}")
        for n, row in enumerate(mine * 3)
    ]
    scope = replace(office.scope_of(grace), grants=frozenset({"*"}))

    seen = [one async for one in run_calls(calls, {"send_message": send}, scope, 0)]

    assert len(calls) > 40
    assert [one.call_id for one in seen] == [call.tool_call_id for call in calls]
    assert not any(one.is_error for one in seen)
