"""What `parcae run` lets agents use beyond files and commands: only what the user granted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic_ai.messages import ToolReturnPart
from tests.cli.test_run import told
from tests.tools.test_mcp import SERVER

from parcae.cli import session, settings
from parcae.cli.run_tools import configured_servers
from parcae.core.errors import CallerMistake
from parcae.core.protocols import Request
from parcae.models.scripted import ModelResponse, ScriptedModel, call

WALLED = "port 22 is not a port of the public web"  # what `web_fetch` says if it is offered and asked for localhost:22


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = settings.config_folder()
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "note.txt").write_text("a note\n")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> str:
    """An `[mcp]` table with a real server, which leaves a file behind when it starts."""
    mark = f"open({str(tmp_path / 'started')!r}, 'w').close()"
    (tmp_path / "server.py").write_text(f"{mark}\n{SERVER}")
    command = json.dumps([sys.executable, str(tmp_path / "server.py")])
    return f'[mcp.mine]\ncommand = {command}\ntools = ["echo", "env"]\n'


def goal(tool: str, **arguments: str) -> Callable[[Request], ModelResponse]:
    """A boss that calls `tool` once and hands in what came back."""

    def boss(request: Request) -> ModelResponse:
        parts = [part for message in request.messages for part in message.parts]
        came = [str(part.content) for part in parts if isinstance(part, ToolReturnPart) and part.tool_name == tool]
        return call("hand_in", summary=came[-1], files=[]) if came else call(tool, **arguments)

    return boss


@pytest.fixture
def work(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict]:
    """Runs a company of one scripted boss from the command line."""

    def run(boss: Callable[[Request], ModelResponse], *flags: str, command: tuple[str, ...] = ()) -> dict:
        model = ScriptedModel("boss", iter(lambda: boss, None))
        monkeypatch.setattr(session, "opener", lambda settled, learnt=None: lambda name: model)
        home = str(tmp_path / "home")
        arguments = ["--models", "boss", "--workspace", str(project), "--no-commands", "--no-reviews"]
        _, report = told(capsys, *(command or ("run", "Use the tool", *arguments)), "--home", home, *flags)
        return report

    return run


def test_a_server_of_the_users_configuration_is_started_and_its_tools_are_granted(
    config: Path, table: str, work: Callable[..., dict]
) -> None:
    (config / settings.FILE).write_text(table)
    report = work(goal("mine__echo", text="hello from the server"))
    assert "hello from the server" in report["answer"][0]


@pytest.mark.parametrize("trusted", [False, True])
def test_a_projects_file_grants_nothing_until_it_is_trusted(
    config: Path, table: str, project: Path, tmp_path: Path, work: Callable[..., dict], trusted: bool
) -> None:
    (project / settings.FILE).write_text(f"web = true\n{table}")
    if trusted:
        settings.trust(project / settings.FILE)
    report = work(goal("mine__echo", text="hello"))
    web = work(goal("web_fetch", url="http://localhost:22/"))["answer"][0]
    assert (tmp_path / "started").exists() is trusted
    if trusted:
        assert "hello" in report["answer"][0]
        assert web == WALLED
    else:
        assert any("is not trusted" in note for note in report["notes"])
        assert "no tool" in report["answer"][0] and "no tool" in web


def test_the_web_is_read_only_when_granted(work: Callable[..., dict]) -> None:
    asked = goal("web_fetch", url="http://localhost:22/")
    assert "no tool" in work(asked)["answer"][0]
    assert work(asked, "--web")["answer"][0] == WALLED


def test_a_resumed_run_reads_the_web_only_when_it_is_granted_anew(
    work: Callable[..., dict], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(request: Request) -> ModelResponse:
        raise CallerMistake("the process ends here", "resume it")

    asked = goal("web_fetch", url="http://localhost:22/")
    for flags, seen in (((), "no tool"), (("--web",), WALLED)):
        work(interrupted)
        _, listing = told(capsys, "runs", "list", "--status", "unfinished", "--home", str(tmp_path / "home"))
        (unfinished,) = listing["runs"]
        assert seen in work(asked, *flags, command=("runs", "resume", unfinished["run"]))["answer"][0]


def test_a_trusted_project_comes_before_the_user_and_mistakes_name_the_file(config: Path, project: Path) -> None:
    (config / settings.FILE).write_text('[mcp.a]\ncommand = ["one"]\n[mcp.b]\ncommand = ["two"]\n')
    (project / settings.FILE).write_text('[mcp.b]\ncommand = ["three"]\n')
    settings.trust(project / settings.FILE)
    servers, ignored = configured_servers(project)
    assert ([server.command for server in servers], ignored) == ([("one",), ("three",)], [])

    (config / settings.FILE).write_text('mcp = "server"\n')
    with pytest.raises(CallerMistake, match=r"parcae\.toml: `mcp` must be a table"):
        configured_servers(project)
    (config / settings.FILE).write_text("[mcp.a]\n")
    with pytest.raises(CallerMistake, match=r"parcae\.toml: mcp\.a: `command` must be a list"):
        configured_servers(project)
