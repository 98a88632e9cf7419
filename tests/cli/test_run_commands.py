"""Commands of an employee, from the command line down to real walls: what they cannot read, reach, start or write.

Each attack is also run without walls (`--no-sandbox`), where it succeeds: so it is the walls that stop it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.test_run import told
from tests.conftest import missing
from tests.organization.scripts import ModelResponse, Seen, boss_of, call, model

from parcae.cli import session
from parcae.tools.bubblewrap import trouble
from parcae.tools.process_tree import descendants

Employee = Callable[..., dict[str, object]]
SECRET = "the secret of the user"
BOMB = "i=0; while [ $i -lt 300 ]; do sleep 987 & i=$((i+1)); done; wait"  # with an end, should the walls be missing


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "note.txt").write_text("a note\n")
    return folder


@pytest.fixture
def employed(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Employee:
    """Lets the writer of a company run one command with its own tool `run`; gives the report of the company."""
    if (problem := trouble()) is not None:
        missing(problem)

    def run(command: str, *flags: str) -> dict[str, object]:
        def writer(seen: Seen) -> ModelResponse:
            return call("hand_in", summary=seen.returns[0].content) if seen.returns else call("run", command=command)

        team = model("team", {"boss": boss_of("ant"), "writer": writer})
        monkeypatch.setattr(session, "opener", lambda settled, learnt=None: lambda name: team)
        arguments = ["--models", "team", "--workspace", str(project), "--home", str(tmp_path / "home")]
        code, report = told(capsys, "run", "Try it", *arguments, *flags)
        assert (code, report["status"], report["agents"]) == (0, "done", 2)
        return report

    return run


def said_by_writer(report: dict[str, object]) -> str:
    people = report["by_agent"]
    assert isinstance(people, list)
    return next(str(one["result"]) for one in people if one["name"] == "writer-ant")


@pytest.mark.parametrize("walls", [True, False])
def test_a_command_of_an_employee_reads_nothing_outside(employed: Employee, tmp_path: Path, walls: bool) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    report = employed(f"cat note.txt {secret}; cat /etc/passwd | wc -l", *([] if walls else ["--no-sandbox"]))
    said = said_by_writer(report)
    assert "a note" in said
    assert (SECRET not in said) is walls
    assert ("No such file" in said) is walls


@pytest.mark.loopback
@pytest.mark.parametrize("walls", [True, False])
def test_a_command_of_an_employee_reaches_no_network(employed: Employee, walls: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        reach = f"bash -c 'echo hello > /dev/tcp/127.0.0.1/{server.getsockname()[1]}' && echo reached"
        said = said_by_writer(employed(reach, *([] if walls else ["--no-sandbox"])))
        assert ("reached" in said) is not walls
        if walls:
            with pytest.raises(BlockingIOError):
                server.accept()
        else:
            server.accept()[0].close()


def test_a_fork_bomb_of_an_employee_ends_with_its_command(employed: Employee) -> None:
    said = said_by_writer(employed(BOMB))
    assert "killed: it reached its limit of processes" in said or "Cannot fork" in said
    assert not [pid for pid in descendants(os.getpid()) if b"987" in _command(pid)]


@pytest.mark.parametrize("walls", [True, False])
def test_a_command_of_an_employee_writes_into_nothing_of_the_users(
    employed: Employee, project: Path, tmp_path: Path, walls: bool
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    places = [project / "planted.txt", project / "note.txt", outside / "planted.txt"]
    command = "; ".join(f"echo planted > {place}" for place in (*places, "mine.txt"))
    report = employed(command, *([] if walls else ["--no-sandbox"]))
    written = [place for place in places if place.exists() and place.read_text() == "planted\n"]
    assert written == ([] if walls else places)
    assert not (project / "mine.txt").exists()  # what it wrote in its copy is on the run's own branch
    files = report["files"]
    assert isinstance(files, list)
    assert [(one["path"], one["author"]) for one in files] == [("mine.txt", "writer-ant")]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
