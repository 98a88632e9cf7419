"""Many writers on one branch: versions, merges, conflicts that lose nothing, and going back."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
from pathlib import Path

import pytest

from parcae.core.errors import StoreFailed
from parcae.core.protocols import ToolRefused
from parcae.core.workspace import Append, By, Changed, Conflict, Delete, Move, Replace, Write
from parcae.workspace import tip
from parcae.workspace.branch import Branch
from parcae.workspace.refs import publish
from parcae.workspace.repository import open_workspace

ANN, BOB = By(author="run/ann", step=3, at=1e9), By(author="run/bob", step=1, at=1e9)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def main(tmp_path: Path) -> Branch:
    return open_workspace(tmp_path / "work", "run-1").main


def lines(*words: str) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()


async def written(branch: Branch, path: str, content: bytes, based_on: str | None = None, by: By = ANN) -> Changed:
    outcome = await branch.change(Write(path=path, content=content, based_on=based_on), by)
    assert isinstance(outcome, Changed)
    return outcome


async def test_a_write_is_a_commit_with_author_and_step_that_git_reads(main: Branch, tmp_path: Path) -> None:
    outcome = await written(main, "notes/plan.md", b"one\n")
    show = git(tmp_path / "work", "log", "-1", "--format=%an%n%B", "parcae/run-1")
    assert show.splitlines()[0] == "run/ann"
    assert "Parcae-Step: 3" in show
    assert git(tmp_path / "work", "show", "parcae/run-1:notes/plan.md") == "one"
    assert main.look("notes/plan.md").version == outcome.version
    assert git(tmp_path / "work", "fsck", "--strict") == ""


async def test_what_others_wrote_to_other_lines_is_merged(main: Branch) -> None:
    base = await written(main, "f", lines("a", "b", "c", "d", "e"))
    await written(main, "f", lines("A", "b", "c", "d", "e"), base.version)
    outcome = await written(main, "f", lines("a", "b", "c", "d", "E"), base.version, BOB)
    assert outcome.merged
    assert main.read("f") == lines("A", "b", "c", "d", "E")


async def test_writing_an_old_version_again_takes_nothing_back(main: Branch) -> None:
    base = await written(main, "f", lines("a", "b"))
    newer = await written(main, "f", lines("A", "b"), base.version)
    again = await written(main, "f", lines("a", "b"), base.version, BOB)
    assert again.version == newer.version
    assert main.look("f").version == newer.version
    assert main.read("f") == lines("A", "b")


async def test_a_conflict_gives_all_three_texts_and_keeps_the_own_one_under_a_ref(main: Branch, tmp_path: Path) -> None:
    base = await written(main, "f", lines("a"))
    theirs = await written(main, "f", lines("ann"), base.version)
    outcome = await main.change(Write(path="f", content=lines("bob"), based_on=base.version), BOB)
    assert isinstance(outcome, Conflict)
    assert (outcome.base, outcome.theirs, outcome.own) == (lines("a"), lines("ann"), lines("bob"))
    assert outcome.version == theirs.version
    assert main.read("f") == lines("ann")
    assert git(tmp_path / "work", "show", f"{outcome.kept}:f") == "bob"


async def test_who_knows_no_file_overwrites_none(main: Branch) -> None:
    await written(main, "f", b"ann\n")
    outcome = await main.change(Write(path="f", content=b"bob\n"), BOB)
    assert isinstance(outcome, Conflict)
    assert outcome.base is None
    assert main.read("f") == b"ann\n"


async def test_writing_a_file_that_was_deleted_meanwhile_is_a_conflict(main: Branch) -> None:
    base = await written(main, "f", b"ann\n")
    await main.change(Delete(path="f", based_on=base.version), ANN)
    outcome = await main.change(Write(path="f", content=b"bob\n", based_on=base.version), BOB)
    assert isinstance(outcome, Conflict)
    assert outcome.theirs is None


async def test_binary_files_are_never_merged(main: Branch) -> None:
    base = await written(main, "f", b"\0a\nb\nc\n")
    await written(main, "f", b"\0A\nb\nc\n", base.version)
    outcome = await main.change(Write(path="f", content=b"\0a\nb\nC\n", based_on=base.version), BOB)
    assert isinstance(outcome, Conflict)


async def test_everybody_may_append_at_once(main: Branch) -> None:
    writers = [By(author=f"run/{name}") for name in range(60)]
    outcomes = await asyncio.gather(*(main.change(Append(path="log.md", text=f"{by.author}\n"), by) for by in writers))
    assert all(isinstance(one, Changed) for one in outcomes)
    assert sorted(main.read("log.md").decode().split()) == sorted(by.author for by in writers)


async def test_sixty_who_wait_for_the_disk_are_acknowledged_together(
    main: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk is held in somebody's sync, others change other files; then one sync serves all of them."""
    publications = []

    def counted(*arguments: object, **rest: object) -> None:
        publications.append(arguments)
        publish(*arguments, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tip, "publish", counted)  # patching: how often the disk was waited for is seen nowhere else
    with (main.objects.common / "parcae.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as another process of ours would hold it in the middle of its sync
        first = asyncio.ensure_future(written(main, "first", b"1\n"))
        while not publications:  # noqa: ASYNC110  # it is in a thread, and stays there
            await asyncio.sleep(0)
        others = [asyncio.ensure_future(written(main, f"files/{number}", b"x\n")) for number in range(60)]
        while len(main.paths()) < 61:  # noqa: ASYNC110  # each is applied in a task of its own
            await asyncio.sleep(0)
        assert not first.done() and not any(one.done() for one in others)  # nothing is said before it is durable
    await asyncio.gather(first, *others)
    assert len(publications) == 2


async def test_replacing_a_fragment(main: Branch) -> None:
    base = await written(main, "f", lines("a", "b", "b"))
    await main.change(Replace(path="f", old="a\n", new="A\n"), ANN)
    assert main.read("f") == lines("A", "b", "b")
    for old, why in (("b\n", "2 times"), ("x", "does not stand"), ("", "empty")):
        with pytest.raises(ToolRefused, match=why):
            await main.change(Replace(path="f", old=old, new=""), ANN)
    late = await main.change(Replace(path="f", old="a\n", new="z\n", based_on=base.version), BOB)
    assert isinstance(late, Conflict)  # the fragment was there when it was read


async def test_delete_needs_the_version_that_is_there(main: Branch) -> None:
    base = await written(main, "f", b"1\n")
    await written(main, "f", b"2\n", base.version)
    for version in (None, base.version):
        with pytest.raises(ToolRefused, match="now at version"):
            await main.change(Delete(path="f", based_on=version), BOB)
    await main.change(Delete(path="f", based_on=main.look("f").version), BOB)
    assert main.paths() == []


async def test_move_takes_the_file_along_and_never_overwrites(main: Branch) -> None:
    await written(main, "a/f", b"1\n")
    await written(main, "g", b"2\n")
    with pytest.raises(ToolRefused, match="already"):
        await main.change(Move(path="a/f", to="g"), ANN)
    await main.change(Move(path="a/f", to="b/f"), ANN)
    assert main.paths() == ["b/f", "g"]
    assert main.paths("b") == ["b/f"]


async def test_a_file_is_no_folder_and_a_folder_no_file(main: Branch) -> None:
    await written(main, "a/f", b"1\n")
    for path in ("a", "a/f/g"):
        with pytest.raises(ToolRefused, match="folder"):
            await main.change(Write(path=path, content=b""), ANN)
    with pytest.raises(ToolRefused, match="letter case"):
        await main.change(Write(path="A/g", content=b""), ANN)


async def test_attempts_branch_off_and_the_winner_is_merged(main: Branch) -> None:
    base = await written(main, "f", lines("a", "b", "c"))
    one, two = main.branch("attempt-1"), main.branch("attempt-2")
    await written(one, "f", lines("1", "b", "c"), base.version)
    await written(two, "f", lines("2", "b", "c"), base.version)
    await written(main, "g", b"meanwhile\n")
    assert main.read("f") == lines("a", "b", "c")
    head = await main.merge(two.head, author="run")
    assert main.read("f") == lines("2", "b", "c")
    assert main.read("g") == b"meanwhile\n"
    assert await main.merge(two.head, author="run") == head
    with pytest.raises(ToolRefused, match="both branches"):
        await main.merge(one.head, author="run")


async def test_an_attempt_goes_back_to_the_commit_of_a_step(main: Branch, tmp_path: Path) -> None:
    mine = main.branch("attempt-1")
    first = await written(mine, "f", b"1\n")
    await written(mine, "f", b"2\n", first.version)
    mine.go_back(first.commit)
    assert mine.read("f") == b"1\n"
    again = open_workspace(tmp_path / "work", "run-1").main.branch("attempt-1")
    assert again.head == first.commit
    with pytest.raises(StoreFailed, match="not in"):
        mine.go_back("0" * 40)


async def test_a_member_takes_nothing_back(main: Branch) -> None:
    ann, bob = main.member("ann"), main.member("bob")
    start = ann.head
    await written(bob, "f", b"1\n")
    ann.go_back(start)
    assert ann.read("f") == b"1\n"


async def test_a_change_that_a_crash_cut_off_is_made_once(main: Branch, tmp_path: Path) -> None:
    by = By(author="run/ann", step=3, key="run/ann/3/call-1")
    first = await main.change(Append(path="log", text="once\n"), by)
    reopened = open_workspace(tmp_path / "work", "run-1").main
    again = await reopened.change(Append(path="log", text="once\n"), by)
    assert isinstance(first, Changed)
    assert isinstance(again, Changed)
    assert again.repeated
    assert (again.commit, again.version) == (first.commit, first.version)
    assert reopened.read("log") == b"once\n"


async def test_two_that_write_to_one_branch_both_succeed(main: Branch, tmp_path: Path) -> None:
    other = open_workspace(tmp_path / "work", "run-1").main
    await written(main, "f", b"1\n")
    outcomes = await asyncio.gather(
        *(one.change(Append(path="log", text=f"{n}\n"), ANN) for n in range(5) for one in (main, other))
    )
    assert all(isinstance(one, Changed) for one in outcomes)
    last = open_workspace(tmp_path / "work", "run-1").main
    assert sorted(last.read("log").split()) == sorted(f"{n}".encode() for n in range(5) for _ in range(2))
    assert last.read("f") == b"1\n"


def test_staged_writes_become_one_commit(main: Branch) -> None:
    start = main.head
    main.write("a", b"1")
    main.write("b/c", b"2")
    assert main.read("a") == b"1"
    assert main.head == start
    assert main.commit("both", author="ann") == main.head != start
    assert main.commit("nothing", author="ann") == main.head
    main.write("a", None)
    main.commit("gone", author="ann")
    assert main.paths() == ["b/c"]
