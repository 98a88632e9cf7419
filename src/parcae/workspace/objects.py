"""The object store of a git repository, for one run: the folder that agents see, and commits with author and step.

Nothing here moves a ref, so nothing here can be seen by others: see `tip`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.enums import FileMode

from parcae.core.errors import StoreFailed
from parcae.core.protocols import ToolRefused
from parcae.core.workspace import By
from parcae.workspace.hidden import Hidden
from parcae.workspace.jail import inside
from parcae.workspace.trees import PLAIN, Entry, data_of, entry_at, put, tree_of

_STEP, _KEY, _PATH = "Parcae-Step: ", "Parcae-Key: ", "Parcae-Path: "


class Trailers(NamedTuple):
    """What a commit's message says of the change that it holds."""

    step: int | None
    key: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """`root` leads to the folder of the repository that is the workspace; agents see nothing above it."""

    repo: pygit2.Repository = field(repr=False)
    root: tuple[str, ...] = ()
    hidden: Hidden = field(default_factory=Hidden)
    durable: bool = True

    @property
    def common(self) -> Path:
        """The folder of the repository that worktrees share."""
        folder = Path(self.repo.path)
        link = folder / "commondir"
        return folder / link.read_text().strip() if link.is_file() else folder

    def names(self, path: str) -> tuple[str, ...]:
        """The names that lead to `path` from the top of the repository.

        Raises:
            ToolRefused: it leads outside, or to a file that is hidden.
        """
        names = inside(path)
        if self.hidden.hides(names):
            raise ToolRefused(f"{path!r} looks like a secret and was not granted here; the user must grant it by name")
        return (*self.root, *names)

    def entry(self, commit: pygit2.Oid, names: Sequence[str]) -> Entry | None:
        """The plain file at `names` (from the top of the repository); None if there is none."""
        found = entry_at(self.repo, tree_of(self.repo, commit).id, names)
        return found if found is not None and found.mode in PLAIN else None

    def content(self, entry: Entry | None) -> bytes | None:
        """What is in a file; None for no file."""
        return None if entry is None else data_of(self.repo, entry.id)

    def blob(self, content: bytes, mode: int = FileMode.BLOB) -> Entry:
        """Store a file's content."""
        return Entry(self.repo.create_blob(content), mode)

    def version(self, based_on: str | None) -> Entry | None:
        """The content that a version names; None for None.

        Raises:
            ToolRefused: it names none.
        """
        if based_on is None:
            return None
        try:
            found = self.repo.get(based_on) if re.fullmatch(r"[0-9a-f]{7,40}", based_on) else None
        except ValueError:  # several objects begin like this
            found = None
        if found is None or found.type_str != "blob":
            raise ToolRefused(f"there is no version {based_on!r}; read the file again and give the version you get")
        return Entry(found.id, FileMode.BLOB)

    def commit(
        self,
        parents: Sequence[pygit2.Oid],
        changes: Sequence[tuple[Sequence[str], Entry | None]],
        message: str,
        by: By,
    ) -> pygit2.Oid:
        """A commit on `parents` whose tree is that of the first one after `changes`."""
        tree: pygit2.Oid | None = tree_of(self.repo, parents[0]).id
        for names, entry in changes:
            tree = put(self.repo, tree, names, entry)
        paths = ["/".join(names[len(self.root) :]) for names, _ in changes]
        return self.commit_tree(parents, tree or self.repo.TreeBuilder().write(), message, by, paths)

    def commit_tree(
        self,
        parents: Sequence[pygit2.Oid],
        tree: pygit2.Oid,
        message: str,
        by: By,
        paths: Sequence[str] = (),
    ) -> pygit2.Oid:
        """A commit of `tree`, signed with the author and marked with the step and the key."""
        trailers = [] if by.step is None else [f"{_STEP}{by.step}"]
        trailers += [f"{_KEY}{by.key}"] * bool(by.key) + [f"{_PATH}{path}" for path in paths]
        name = re.sub(r"[<>\x00-\x1f\x7f]+", " ", by.author).strip() or "parcae"
        who = pygit2.Signature(name, "agent@parcae.invalid", int(time.time() if by.at is None else by.at), 0)
        text = "\n".join([message.strip() or "change", "", *trailers]) if trailers else message
        return self.repo.create_commit(None, who, who, text, tree, list(parents))


def trailers_of(commit: pygit2.Commit) -> Trailers:
    """What the message of `commit` says of its change."""
    step, key, paths = None, "", []
    for line in commit.message.splitlines():
        if line.startswith(_STEP):
            step = int(line.removeprefix(_STEP)) if line.removeprefix(_STEP).isdigit() else None
        elif line.startswith(_KEY):
            key = line.removeprefix(_KEY)
        elif line.startswith(_PATH):
            paths.append(line.removeprefix(_PATH))
    return Trailers(step, key, tuple(paths))


def explained(error: Exception, where: object) -> StoreFailed:
    """What to tell the user about an error of git or the disk."""
    text = str(error)
    if "No space left" in text or "quota" in text.lower():
        return StoreFailed(f"{where}: the disk is full", "free some space and run `parcae runs resume`")
    if "owned by" in text:
        return StoreFailed(f"{where}: it belongs to another user", f"git config --global --add safe.directory {where}")
    if isinstance(error, TimeoutError) or "locked" in text:
        return StoreFailed(f"{where}: another program holds a lock on it", "end it, then run `parcae runs resume`")
    if isinstance(error, PermissionError) or "ermission denied" in text:
        return StoreFailed(f"{where}: it may not be written", "mend its permissions")
    return StoreFailed(f"{where}: {text}", "check the disk, then run `git fsck` there")
