"""Three-way merging agrees with `git merge-file`; many writers in any order lose nothing."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pygit2.enums import FileMode
from tests.workspace.test_branch import git

from parcae.core.protocols import ToolRefused
from parcae.core.workspace import Append, By, Changed, Conflict, Delete, Move, Write
from parcae.workspace import Branch, open_workspace
from parcae.workspace.merge import Clash, merge_files
from parcae.workspace.trees import Entry, data_of

line = st.sampled_from(["a", "b", "c", "", "é", "<<<<<<<"])
text = st.tuples(st.lists(line, max_size=8), st.booleans()).map(
    lambda pair: "\n".join(pair[0]) + ("\n" if pair[1] and pair[0] else "")
)


@pytest.fixture(scope="module")
def repo() -> Iterator[pygit2.Repository]:
    with tempfile.TemporaryDirectory() as folder:
        yield pygit2.init_repository(folder, bare=True)


def with_git(base: str, theirs: str, own: str) -> str | None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in (("own", own), ("base", base), ("theirs", theirs)):
            (folder / file).write_bytes(content.encode())
        command = ["git", "merge-file", "-p", *(str(folder / file) for file in ("own", "base", "theirs"))]
        done = subprocess.run(command, capture_output=True, check=False)
        return done.stdout.decode() if done.returncode == 0 else None


@given(base=text, theirs=text, own=text)
@settings(max_examples=150, deadline=None)
def test_a_merge_is_what_git_merge_file_makes(repo: pygit2.Repository, base: str, theirs: str, own: str) -> None:
    entries = [Entry(repo.create_blob(one.encode()), FileMode.BLOB) for one in (base, theirs, own)]
    try:
        merged = merge_files(repo, *entries)
    except Clash:
        assert with_git(base, theirs, own) is None
        return
    assert merged is not None
    assert data_of(repo, merged.id).decode() == with_git(base, theirs, own)


@given(base=text, theirs=text)
@settings(max_examples=50, deadline=None)
def test_merging_with_what_did_not_change_changes_nothing(repo: pygit2.Repository, base: str, theirs: str) -> None:
    first, second = (Entry(repo.create_blob(one.encode()), FileMode.BLOB) for one in (base, theirs))
    assert merge_files(repo, first, second, first) == second
    assert merge_files(repo, first, first, second) == second
    assert merge_files(repo, first, second, second) == second
    assert merge_files(repo, None, None, first) == first


class Writers(RuleBasedStateMachine):
    """Three writers, each with the versions it last saw, against a plain dictionary of what was acknowledged."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.branch = open_workspace(Path(self.folder.name) / "w", "run", durable=False).main
        self.model: dict[str, bytes] = {}
        self.seen: dict[tuple[int, str], tuple[bytes, str]] = {}
        self.number = 0

    def do(self, edit: Append | Delete | Move | Write) -> Changed | Conflict | None:
        try:
            return asyncio.run(self.branch.change(edit, By(author="a", at=1.0)))
        except ToolRefused:
            return None

    path = st.sampled_from(["f", "g", "d/h"])
    who = st.integers(0, 2)

    @rule(who=who, path=path)
    def read(self, who: int, path: str) -> None:
        if path in self.model:
            file = self.branch.look(path)
            self.seen[who, path] = (file.content, file.version)

    @rule(who=who, path=path, place=st.integers(0, 3))
    def write(self, who: int, path: str, place: int) -> None:
        base, version = self.seen.get((who, path), (b"", None))
        self.number += 1
        lines = [*base.splitlines(), *[b"."] * 4]
        lines[place] = f"{who} {self.number}".encode()
        content = b"".join(one + b"\n" for one in lines)
        outcome = self.do(Write(path=path, content=content, based_on=version))
        assert outcome is not None
        if isinstance(outcome, Conflict):
            assert (outcome.theirs, outcome.own) == (self.model.get(path), content)
            assert git(Path(self.folder.name) / "w", "show", f"{outcome.kept}:{path}").encode() == content.strip()
        else:
            self.model[path] = self.branch.read(path)
            assert lines[place] in self.model[path].splitlines()

    @rule(path=path)
    def append(self, path: str) -> None:
        self.number += 1
        outcome = self.do(Append(path=path, text=f"{self.number}\n"))
        assert isinstance(outcome, Changed)
        before = self.model.get(path, b"")
        self.model[path] = self.branch.read(path)
        assert self.model[path].startswith(before)

    @rule(who=who, path=path)
    def delete(self, who: int, path: str) -> None:
        _, version = self.seen.get((who, path), (b"", None))
        fits = path in self.model and version == self.branch.look(path).version
        outcome = self.do(Delete(path=path, based_on=version))
        assert (outcome is not None) == fits
        if fits:
            del self.model[path]

    @rule(path=path, to=path)
    def move(self, path: str, to: str) -> None:
        outcome = self.do(Move(path=path, to=to))
        assert (outcome is not None) == (path in self.model and to not in self.model)
        if outcome is not None:
            self.model[to] = self.model.pop(path)

    @rule()
    def reopen(self) -> None:
        self.branch = open_workspace(Path(self.folder.name) / "w", "run", durable=False).main

    @invariant()
    def everything_acknowledged_is_there(self) -> None:
        assert {path: self.branch.read(path) for path in self.branch.paths()} == self.model

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestWriters = Writers.TestCase
TestWriters.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


async def test_sixty_writers_with_conflicts_lose_nothing(tmp_path: Path) -> None:
    branch: Branch = open_workspace(tmp_path / "w", "run", durable=False).main
    start = await branch.change(Write(path="f", content=b"0\n" * 8), By(author="start"))
    assert isinstance(start, Changed)

    async def writer(number: int) -> Changed | Conflict:
        content = b"".join(f"{number}\n".encode() if place == number % 8 else b"0\n" for place in range(8))
        return await branch.change(Write(path="f", content=content, based_on=start.version), By(author=f"{number}"))

    outcomes = await asyncio.gather(*map(writer, range(60)))
    lost = [one for one in outcomes if isinstance(one, Conflict)]
    assert len(lost) + sum(isinstance(one, Changed) for one in outcomes) == 60
    assert lost
    for one in lost:
        assert branch.objects.repo.references[one.kept].peel(pygit2.Commit).tree["f"].data == one.own  # type: ignore[attr-defined]
