"""Commands of agents: in a sandboxed copy of the workspace; what they wrote is taken back, what they tried is not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tests.conftest import missing

from parcae.agents.commands import run_tool
from parcae.core.protocols import ToolRefused
from parcae.core.scope import Scope
from parcae.core.usage import Limits
from parcae.core.workspace import By, Write
from parcae.ledger.account import open_account
from parcae.store.memory import MemoryJournal
from parcae.testing.clock import StillClock
from parcae.tools.bubblewrap import bubblewrap, trouble
from parcae.tools.sandbox import Sandbox, SandboxLimits
from parcae.tools.unsandboxed import unsandboxed
from parcae.workspace import Branch, open_workspace

SMALL = SandboxLimits(wall_seconds=20, memory_bytes=512 << 20, processes=24, file_bytes=4 << 20, written_bytes=8 << 20)
ANN = By(author="ann")


@pytest.fixture
async def main(tmp_path: Path) -> Branch:
    branch = open_workspace(tmp_path / "work", "run", durable=False).main
    for path, content in {"a.txt": b"a\nb\nc\n", "folder/b.txt": b"b\n", ".gitignore": b"*.log\n"}.items():
        await branch.change(Write(path=path, content=content), ANN)
    await branch.change(Write(path="go.sh", content=b"#!/bin/sh\necho went\n", executable=True), ANN)
    return branch


@pytest.fixture
def sandbox() -> Sandbox:
    problem = trouble()
    if problem is not None:
        missing(problem)
    return bubblewrap()


async def run(main: Branch, sandbox: Sandbox, command: str, **more: float) -> str:
    journal = MemoryJournal()
    scope = Scope(
        id="run/ann",
        account=open_account("run", Limits(), journal),
        journal=journal,
        clock=StillClock(),
        seed=1,
        workspace=main,
    )
    return await run_tool(sandbox, limits=SMALL).call({"command": command, **more}, scope, key="run/ann/2/c1")


async def test_what_a_command_writes_is_taken_back(main: Branch, sandbox: Sandbox) -> None:
    told = await run(main, sandbox, "./go.sh; echo new > folder/new.txt; sed -i s/b/B/ a.txt; rm folder/b.txt; pwd")
    assert "exit code 0" in told
    assert "went" in told
    assert "/workspace" in told
    assert main.paths() == [".gitignore", "a.txt", "folder/new.txt", "go.sh"], told
    assert main.read("a.txt") == b"a\nB\nc\n"
    assert main.look("go.sh").executable


async def test_it_works_without_walls_too(main: Branch) -> None:
    told = await run(main, unsandboxed(), "echo new > new.txt; pwd")
    assert "/workspace" in told
    assert main.read("new.txt") == b"new\n"


async def test_what_others_wrote_meanwhile_is_merged_or_told(main: Branch, sandbox: Sandbox, tmp_path: Path) -> None:
    version = main.look("a.txt").version

    class Meanwhile:
        contained = True

        async def run(self, command: list[str], **rest: object) -> object:
            done = await sandbox.run(command, **rest)  # type: ignore[arg-type]
            await main.change(Write(path="a.txt", content=b"A\nb\nc\n", based_on=version), ANN)
            return done

    told = await run(main, Meanwhile(), "sed -i s/c/C/ a.txt")  # type: ignore[arg-type]
    assert main.read("a.txt") == b"A\nb\nC\n", told
    version = main.look("a.txt").version
    told = await run(main, Meanwhile(), "sed -i s/A/X/ a.txt; sed -i s/b/b2/ a.txt")  # type: ignore[arg-type]
    assert main.read("a.txt") in (b"A\nb\nc\n", b"X\nb2\nC\n")


async def test_links_secrets_caches_and_gits_folder_stay_outside(main: Branch, sandbox: Sandbox) -> None:
    told = await run(
        main,
        sandbox,
        "ln -s /etc/passwd p; rm -r folder; ln -s /etc folder; echo k > .env; mkdir .git __pycache__; "
        "echo x > .git/config; echo x > __pycache__/m; echo x > out.log; mkfifo pipe; printf x > 'a:b'; echo ok",
    )
    assert "ok" in told
    assert main.paths() == [".gitignore", "a.txt", "go.sh"]
    for name in ("p:", "folder:", ".env:", "pipe:", "a:b:"):
        assert name in told, name


async def test_a_command_sees_neither_home_nor_network_nor_other_files(main: Branch, sandbox: Sandbox) -> None:
    home = Path.home()
    told = await run(main, sandbox, f"ls {home} 2>&1; ls -a / 2>&1; cat /proc/net/dev | wc -l; echo x > /etc/x; env")
    assert "No such file" in told
    assert "exit code" in told
    assert "KEY" not in told
    assert "Read-only" in told or "cannot create" in told


async def test_bombs_are_defused(main: Branch, sandbox: Sandbox) -> None:
    many = "i=0; while [ $i -lt 300 ]; do sleep 30 & i=$((i+1)); done; wait"  # a bomb with an end, whatever happens
    told = await run(main, sandbox, many, timeout_seconds=20)
    assert (
        "killed: it reached its limit of processes" in told or "Cannot fork" in told
    )  # whoever is first: we, the kernel
    told = await run(main, sandbox, "while :; do dd if=/dev/zero of=big$i bs=1M count=3 2>/dev/null; i=x$i; done")
    assert "killed" in told or "exit code" in told
    assert sum(len(main.read(path)) for path in main.paths()) < 200 << 20
    told = await run(main, sandbox, "sleep 60", timeout_seconds=1)
    assert "wall_seconds" in told


async def test_an_empty_command_is_refused(main: Branch, sandbox: Sandbox) -> None:
    with pytest.raises(ToolRefused, match="empty"):
        await run(main, sandbox, " ")


@pytest.mark.parametrize(
    "odd",
    [
        "mkdir s && mkfifo s/.gitignore",
        "touch $(printf 'caf\\351')",
        "mkfifo .gitignore.new; mv .gitignore.new .gitignore",
    ],
)
async def test_odd_names_and_pipes_stay_outside_and_hold_nothing_up(main: Branch, sandbox: Sandbox, odd: str) -> None:
    told = await run(main, sandbox, f"{odd}; echo new > new.txt")
    assert "not taken back" in told
    assert "new.txt" in main.paths(), told


async def test_folders_too_deep_for_anybody_hold_nothing_up(
    main: Branch, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others make such folders meanwhile
    deep = "echo new > new.txt; i=0; while [ $i -lt 3000 ]; do mkdir d && cd d; i=$((i+1)); done"
    told = await run(main, sandbox, deep)
    assert "new.txt" in main.paths(), told
    assert not list(tmp_path.glob("parcae-run-*"))
