"""The tools for files: what a model reads of versions, conflicts and refusals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parcae.agents.files import file_tools
from parcae.agents.loop import Agent
from parcae.agents.role import Role
from parcae.core.protocols import JsonValue, ToolRefused
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.usage import Limits
from parcae.ledger.account import open_account
from parcae.models.scripted import ScriptedModel, call, say, together
from parcae.store.memory import MemoryJournal
from parcae.store.replay import rebuild
from parcae.testing.clock import StillClock
from parcae.testing.crashes import Crash, MortalJournal
from parcae.workspace import Branch, open_workspace

TOOLS = {tool.spec.name: tool for tool in file_tools()}


@pytest.fixture
def scope(tmp_path: Path) -> Scope:
    journal = MemoryJournal()
    main = open_workspace(tmp_path / "work", "run").main
    account = open_account("run", Limits(), journal)
    return Scope(id="run", account=account, journal=journal, clock=StillClock(), seed=1, workspace=main)


async def use(scope: Scope, tool: str, /, *, key: str = "", **arguments: JsonValue) -> str:
    return await TOOLS[tool].call(arguments, scope, key=key or f"run/0/{len(arguments)}{arguments}")


def version_in(text: str) -> str:
    found = re.search(r"version ([0-9a-f]{12})", text)
    assert found is not None
    return found[1]


def test_each_tool_declares_its_effect() -> None:
    reading = {name for name, tool in TOOLS.items() if tool.spec.effect == "read"}
    assert reading == {"read_file", "list_files", "search_files"}
    assert all(tool.spec.effect in ("read", "workspace") for tool in TOOLS.values())
    assert all({"scope", "key"}.isdisjoint(tool.spec.parameters["properties"]) for tool in TOOLS.values())  # type: ignore[arg-type]


async def test_a_version_read_is_a_version_to_write(scope: Scope) -> None:
    await use(scope, "write_file", path="a/f.py", content="x = 1\n")
    seen = await use(scope, "read_file", path="a/f.py")
    assert seen.endswith("lines 1-1 of 1\nx = 1\n")
    told = await use(scope, "write_file", path="a/f.py", content="x = 2\n", based_on=version_in(seen))
    assert version_in(told) != version_in(seen)
    assert (await use(scope, "read_file", path="a/f.py")).endswith("x = 2\n")


async def test_a_conflict_tells_what_both_changed_and_how_to_go_on(scope: Scope) -> None:
    told = await use(scope, "write_file", path="f", content="a\nb\n")
    await use(scope, "edit_file", path="f", old="a\n", new="theirs\n")
    with pytest.raises(ToolRefused) as refused:
        await use(scope, "write_file", path="f", content="own\nb\n", based_on=version_in(told))
    text = str(refused.value)
    assert "-a\n+theirs" in text
    assert "-a\n+own" in text
    assert "--- the file now\ntheirs\nb" in text
    again = await use(scope, "write_file", path="f", content="both\nb\n", based_on=version_in(text))
    assert "is now at version" in again


async def test_long_files_come_in_pages(scope: Scope) -> None:
    await use(scope, "write_file", path="f", content="".join(f"line {n}\n" for n in range(1, 5001)))
    first = await use(scope, "read_file", path="f")
    following = re.search(r"start_line=(\d+)", first)
    assert following is not None
    second = await use(scope, "read_file", path="f", start_line=int(following[1]), lines=2)
    assert second.endswith(f"line {following[1]}\nline {int(following[1]) + 1}\n")


async def test_binary_files_travel_as_base64(scope: Scope) -> None:
    await use(scope, "write_file", path="f.bin", content="AP8=", encoding="base64")
    assert scope.workspace is not None
    assert scope.workspace.read("f.bin") == b"\0\xff"
    assert "binary, 2 bytes" in await use(scope, "read_file", path="f.bin")
    assert (await use(scope, "read_file", path="f.bin", encoding="base64")).endswith("\nAP8=")
    with pytest.raises(ToolRefused, match="base64"):
        await use(scope, "write_file", path="g", content="?", encoding="base64")


async def test_searching_and_listing(scope: Scope) -> None:
    await use(scope, "write_file", path="src/a.py", content="def one():\n    return 1\n")
    await use(scope, "write_file", path="src/b.txt", content="ONE\n")
    assert await use(scope, "search_files", text="one") == "src/a.py:1: def one():\nsrc/b.txt:1: ONE"
    assert await use(scope, "search_files", text="one", pattern="*.py") == "src/a.py:1: def one():"
    assert await use(scope, "list_files", under="src", pattern="*.txt") == "src/b.txt"
    assert "not found" in await use(scope, "search_files", text="two")


async def test_secrets_and_ways_out_are_refused(scope: Scope) -> None:
    for path, why in (("../x", "outside"), ("/etc/passwd", "relative"), (".git/config", "git"), (".env", "secret")):
        for tool, arguments in (("read_file", {}), ("write_file", {"content": "x"}), ("append_file", {"text": "x"})):
            with pytest.raises(ToolRefused, match=why):
                await use(scope, tool, path=path, **arguments)


async def test_without_a_workspace_there_are_no_files(scope: Scope) -> None:
    from dataclasses import replace

    with pytest.raises(ToolRefused, match="no workspace"):
        await use(replace(scope, workspace=None), "list_files")


WRITES = [
    together(call("append_file", path="log", text="1"), call("append_file", path="log", text="2")),
    call("append_file", path="log", text="3"),
    say("done"),
]


async def test_a_crash_at_any_write_of_the_journal_makes_every_change_once(tmp_path: Path) -> None:
    task = Task(id="t", kind="k", question="q")
    role = Role(name="writer", system="", opening=lambda task, scope: task.question, tools=file_tools())
    for lives in range(12):
        for shared in (True, False):
            journal, folder = MemoryJournal(), tmp_path / f"{lives}-{shared}"

            async def life(journal: object, replies: list, folder: Path = folder, shared: bool = shared) -> Branch:  # type: ignore[type-arg]
                main = open_workspace(folder, "run", durable=False).main
                mine = main.member("ann") if shared else main.branch("ann")
                scope = Scope(
                    id="run/ann",
                    account=open_account("run", Limits(), journal),  # type: ignore[arg-type]
                    journal=journal,  # type: ignore[arg-type]
                    clock=StillClock(),
                    seed=1,
                    workspace=mine,
                )
                so_far = (await rebuild(scope.journal, scope.id, task.id)).steps
                if not so_far or so_far[-1].ending is None:
                    model = ScriptedModel("m", replies[len(so_far) :])
                    async for _ in Agent(role).attempt(task, model=model, so_far=so_far, scope=scope):
                        pass
                return mine

            try:
                mine = await life(MortalJournal(journal, lives), WRITES)
            except (Crash, BaseExceptionGroup):
                mine = await life(journal, WRITES)
            assert mine.read("log") == b"1\n2\n3"
