"""No path leads outside, to git's own files, to a secret, or to two files that are one on some system."""

from __future__ import annotations

import os
from pathlib import Path

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygit2.enums import ObjectType
from tests.workspace.test_branch import git

from parcae.core.protocols import ToolRefused
from parcae.core.workspace import By, Move, Write
from parcae.workspace import open_workspace
from parcae.workspace.hidden import Hidden
from parcae.workspace.jail import inside

BAD = [
    *("", " ", "/", "/etc/passwd", "~/x", "C:/x", "c:x", "..", "../x", "a/../../x", "a/..", "a//b", "a/./b", "."),
    *(
        "a\\..\\..\\x",
        "..\\x",
        "a\0b",
        "a\nb",
        "a\x7f",
        "con",
        "AUX.txt",
        "a/nul",
        "x.",
        "x ",
        "a/b. ",
        "a?",
        "a|b",
        "a:b",
    ),
    *(
        ".git",
        ".GIT/config",
        ".Git",
        "a/.git/hooks/x",
        "git~1",
        "GIT~2",
        ".git.",
        ".git ",
        ".gi\u200ct",
        ".g\u200dit/config",
    ),
    *(
        "\u202etxt.exe",
        "a\u200bb",
        "\uff0e\uff0e/x",
        "\uff0e\uff0e",
        "a\uff0fb",
        "\uff0egit",
        "a\u2044\ufeffb",
        "x" * 256,
        "é" * 200,
    ),
    *(".git::$INDEX_ALLOCATION", ".git\u2028", "a\ud800b", "\ue000"),
]


@pytest.mark.parametrize("path", BAD)
def test_a_bad_path_is_refused(path: str) -> None:
    with pytest.raises(ToolRefused):
        inside(path)


@pytest.mark.parametrize(
    "path", ["a", "a/b.c", "./a", ".gitignore", ".github/x", "gitt", "é.md", "日本/語.txt", "a b", "a-b_c"]
)
def test_a_good_path_is_its_names(path: str) -> None:
    assert "/".join(inside(path)) == path.removeprefix("./")


@given(st.text(max_size=40))
def test_whatever_is_let_through_stays_inside(path: str) -> None:
    try:
        names = inside(path)
    except ToolRefused:
        return
    top = "/work"
    joined = os.path.normpath("/".join([top, *names]))
    assert joined.startswith(f"{top}/")
    assert joined == f"{top}/{'/'.join(names)}"
    assert all(name.lower() != ".git" for name in names)
    assert inside("/".join(names)) == names


@given(
    st.lists(st.sampled_from(["..", ".", "a", "/", "\\", ".git", "\u200c", " ", "~", "..."]), max_size=6).map("".join)
)
def test_crafted_paths_stay_inside(path: str) -> None:
    test_whatever_is_let_through_stays_inside.hypothesis.inner_test(path)  # type: ignore[attr-defined]


def test_composed_and_decomposed_names_are_one_file() -> None:
    assert inside("caf\u0065\u0301") == inside("caf\u00e9")


def test_secrets_are_hidden_unless_granted() -> None:
    hidden = Hidden()
    for path in (".env", "a/.env.local", "keys/server.pem", "id_rsa", ".ssh/config", ".AWS/credentials", "x.KEY"):
        assert hidden.hides(path.split("/")), path
    for path in (".env.example", "environment.py", "monkey.py", "keys/README.md", "id_rsa.pub", "src/secrets.py"):
        assert not hidden.hides(path.split("/")), path
    assert not Hidden(granted=("keys/*.pem",)).hides(("keys", "server.pem"))


async def test_links_and_submodules_in_a_users_repository_lead_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    pygit2.init_repository(str(folder))
    (folder / "link").symlink_to("/etc")
    (folder / "file").symlink_to("/etc/passwd")
    (folder / "plain.txt").write_text("hello\n")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "links")
    main = open_workspace(folder, "run").main
    assert main.paths() == ["plain.txt"]
    for path in ("link/passwd", "file"):
        with pytest.raises(ToolRefused):
            main.look(path)
        with pytest.raises(ToolRefused):
            await main.change(Write(path=path, content=b"x"), By(author="a"))
    with pytest.raises(ToolRefused):
        await main.change(Move(path="plain.txt", to="link/plain.txt"), By(author="a"))


async def test_a_folder_inside_a_repository_is_all_that_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    (folder / "inner").mkdir(parents=True)
    pygit2.init_repository(str(folder))
    (folder / "outer.txt").write_text("outer\n")
    (folder / "inner" / "a.txt").write_text("a\n")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "files")
    opened = open_workspace(folder / "inner", "run")
    assert opened.main.paths() == ["a.txt"]
    await opened.main.change(Write(path="b.txt", content=b"b\n"), By(author="a"))
    assert git(folder, "show", "parcae/run:inner/b.txt") == "b"
    assert git(folder, "show", "parcae/run:outer.txt") == "outer"


def test_a_hostile_tree_is_not_followed(tmp_path: Path) -> None:
    """A tree object may hold any name; what has an unsafe one is not seen, and cannot be read."""
    repo = pygit2.init_repository(str(tmp_path / "repo"))
    blob = repo.create_blob(b"x").raw
    tree = repo.write(ObjectType.TREE, b"100644 ..\0" + blob + b"100644 .git\0" + blob + b"100644 a\0" + blob)
    who = pygit2.Signature("a", "a@b.c", 0, 0)
    repo.create_commit("HEAD", who, who, "hostile", tree, [])
    main = open_workspace(tmp_path / "repo", "run").main
    assert main.paths() == ["a"]
    for path in ("..", ".git"):
        with pytest.raises(ToolRefused):
            main.look(path)
