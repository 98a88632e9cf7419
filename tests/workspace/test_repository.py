"""Folders of users: what is touched, what is seen, what is given back; and what a crash or a full disk leaves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pygit2
import pytest
from experiments.workspace.kills import WRITER, acknowledged, kills
from tests.conftest import ROOT, missing
from tests.workspace.test_branch import git, lines, written

from parcae.core.errors import CallerMistake, StoreFailed
from parcae.core.protocols import ToolRefused
from parcae.core.workspace import Append, By
from parcae.workspace import blame, changed_files, deliver, history, open_workspace

WHO = ("-c", "user.name=user", "-c", "user.email=user@example.org")


def shell(command: str) -> None:
    subprocess.run(command, shell=True, check=True, capture_output=True)


def a_users_repository(folder: Path) -> Path:
    pygit2.init_repository(str(folder), initial_head="main")
    (folder / "code.py").write_text("a = 1\nb = 2\n")
    (folder / ".env").write_text("SECRET=1\n")
    (folder / ".gitignore").write_text("build/\n")
    git(folder, "add", "-f", "-A")
    git(folder, *WHO, "commit", "-qm", "mine")
    (folder / "build").mkdir()
    (folder / "build" / "x.o").write_text("x")
    (folder / "code.py").write_text("a = 1\nb = 3  # not committed\n")
    return folder


async def test_a_users_repository_with_uncommitted_work_is_left_alone(tmp_path: Path) -> None:
    folder = a_users_repository(tmp_path / "repo")
    before = (git(folder, "status", "--porcelain"), git(folder, "rev-parse", "HEAD"), (folder / "code.py").read_text())
    opened = open_workspace(folder, "run-1")
    assert opened.uncommitted == ("code.py",)
    assert list(opened.main.paths()) == [".gitignore", "code.py"]
    with pytest.raises(ToolRefused, match="secret"):
        opened.main.look(".env")
    assert open_workspace(folder, "run-1", granted=(".env",)).main.read(".env") == b"SECRET=1\n"
    await written(opened.main, "new.py", b"c = 3\n")
    assert (
        git(folder, "status", "--porcelain"),
        git(folder, "rev-parse", "HEAD"),
        (folder / "code.py").read_text(),
    ) == before
    delivery = deliver(opened)
    assert delivery.written == ()
    assert delivery.command == f"git -C {folder} merge parcae/run-1"
    git(folder, "merge", "-q", "parcae/run-1")
    assert (folder / "new.py").read_text() == "c = 3\n"


async def test_an_empty_folder_becomes_a_repository_with_the_work_in_it(tmp_path: Path) -> None:
    opened = open_workspace(tmp_path / "new", "run")
    assert opened.is_new
    await written(opened.main, "a/b.txt", b"1\n")
    assert deliver(open_workspace(tmp_path / "new", "run")).written == ("a/b.txt",)
    assert (tmp_path / "new" / "a" / "b.txt").read_text() == "1\n"
    assert git(tmp_path / "new", "status", "--porcelain") == ""
    assert not open_workspace(tmp_path / "new", "second").is_new


async def test_a_plain_folder_is_copied_and_gets_what_is_new(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    (folder / "build").mkdir(parents=True)
    for name, text in {
        "a.txt": "a\n",
        "b.txt": "b\n",
        ".gitignore": "build\n",
        ".env": "K=1\n",
        "build/x": "x",
    }.items():
        (folder / name).write_text(text)
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(CallerMistake, match="no git repository"):
        open_workspace(folder, "run")
    opened = open_workspace(folder, "run", copies=tmp_path / "copies")
    assert list(opened.main.paths()) == [".gitignore", "a.txt", "b.txt"]
    assert opened.left_out == ("link",)
    for name in ("a.txt", "b.txt"):
        await written(opened.main, name, b"changed\n", opened.main.look(name).version)
    await written(opened.main, "notes/c.txt", b"c\n")
    (folder / "b.txt").write_text("the user's\n")
    delivery = deliver(open_workspace(folder, "run", copies=tmp_path / "copies"))
    assert delivery.written == ("a.txt", "notes/c.txt")
    assert delivery.kept_back == ("b.txt",)
    assert (folder / "b.txt").read_text() == "the user's\n"
    assert (folder / "a.txt").read_text() == "changed\n"
    assert not (folder / ".git").exists()
    assert delivery.command is not None
    shell(delivery.command)
    assert (folder / "b.txt").read_text() == "changed\n"
    (folder / "notes" / "c.txt").unlink()
    shell(opened.merge_command)
    assert (folder / "notes" / "c.txt").read_text() == "c\n"


async def test_a_name_that_an_agent_chose_is_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a plain one"
    folder.mkdir()
    (folder / "a.txt").write_text("a\n")
    opened = open_workspace(folder, "run", copies=tmp_path / "copies")
    name = "x; touch done; $(touch done) & y.txt"
    await written(opened.main, name, b"x\n")
    (folder / name).write_text("the user's\n")
    command = deliver(opened).command
    assert command is not None
    monkeypatch.chdir(tmp_path)
    shell(command)
    assert (folder / name).read_text() == "x\n"
    assert not (tmp_path / "done").exists()


async def test_nothing_is_delivered_through_a_link(tmp_path: Path) -> None:
    folder, outside = tmp_path / "plain", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "a.txt").write_text("a\n")
    opened = open_workspace(folder, "run", copies=tmp_path / "copies")
    await written(opened.main, "sub/x.txt", b"x\n")
    (folder / "sub").symlink_to(outside)
    assert deliver(opened).kept_back == ("sub/x.txt",)
    assert list(outside.iterdir()) == []


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(CallerMistake, match="is a file"):
        open_workspace(tmp_path / "f", "run")
    pygit2.init_repository(str(tmp_path / "r"))
    with pytest.raises(CallerMistake, match="own data"):
        open_workspace(tmp_path / "r" / ".git", "run")


async def test_history_and_blame_name_author_and_step(tmp_path: Path) -> None:
    folder = a_users_repository(tmp_path / "repo")
    main = open_workspace(folder, "run").main
    first = await written(
        main, "code.py", lines("a = 1", "b = 9"), main.look("code.py").version, By(author="ann", step=4)
    )
    await written(main, "other.py", b"x\n", by=By(author="bob"))
    assert [(one.author, one.step, one.paths) for one in history(main)] == [
        ("bob", None, ("other.py",)),
        ("ann", 4, ("code.py",)),
    ]
    assert [one.commit for one in history(main, "code.py")] == [first.commit]
    assert {path: change.author for path, change in changed_files(main).items()} == {
        "code.py": "ann",
        "other.py": "bob",
    }
    assert [(one.number, one.text, one.author, one.step) for one in blame(main, "code.py")] == [
        (1, "a = 1", None, None),
        (2, "b = 9", "ann", 4),
    ]


def test_a_killed_process_leaves_every_acknowledged_write_and_no_half_tree(tmp_path: Path) -> None:
    figures = kills(4, tmp_path)
    assert (figures["acknowledged_writes_lost"], figures["broken_repositories"]) == (0, 0)


async def test_a_lock_that_a_dead_process_left_is_broken(tmp_path: Path) -> None:
    import os

    main = open_workspace(tmp_path / "w", "run").main
    await written(main, "f", b"1\n")
    lock = tmp_path / "w" / ".git" / f"{main.tip.ref}.lock"
    lock.write_text("")
    os.utime(lock, (1, 1))
    await main.change(Append(path="f", text="2\n"), By(author="a"))
    assert not lock.exists()


def test_on_a_full_disk_writes_are_refused_with_the_cure_and_none_is_lost(tmp_path: Path) -> None:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        missing("bwrap")
    again = (
        "from experiments.workspace.kills import there\nprint('THERE', sorted(there(Path(sys.argv[1]))), flush=True)"
    )
    script = f"{WRITER}\n{again}"
    disk = ["--size", "2000000", "--tmpfs", "/mnt", "--setenv", "PYTHONPATH", f"{ROOT / 'src'}:{ROOT}"]
    command = [str(bwrap), "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", *disk]
    done = subprocess.run(
        [*command, sys.executable, "-c", script, "/mnt/w"], capture_output=True, text=True, check=False
    )
    output, _, rest = done.stdout.partition("THERE ")
    assert "StoreFailed" in output, done.stdout + done.stderr
    assert "the disk is full; free some space" in output
    assert acknowledged(output) <= set(eval(rest))
    assert acknowledged(output)


def test_a_damaged_repository_is_said(tmp_path: Path) -> None:
    pygit2.init_repository(str(tmp_path / "r"))
    (tmp_path / "r" / ".git" / "HEAD").write_text("nonsense")
    with pytest.raises((StoreFailed, CallerMistake)):
        open_workspace(tmp_path / "r", "run")
