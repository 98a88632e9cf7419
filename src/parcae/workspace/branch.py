"""A branch as a Workspace: what an attempt may do with files. Knows nothing of tools or models.

`Branch` belongs to one attempt: it can be taken back to an earlier commit. `Member` is one writer among many on a
branch that all share: it takes nothing back, for the others' work is in it; a change that a crash cut off is known by
its key and not made twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pygit2
from pygit2.enums import FileMode

from parcae.core.errors import StoreFailed
from parcae.core.protocols import ToolRefused
from parcae.core.workspace import By, Changed, Conflict, Edit, FileAt
from parcae.workspace.changes import Bench, Made, make
from parcae.workspace.jail import folder, is_safe
from parcae.workspace.joining import join
from parcae.workspace.objects import Objects
from parcae.workspace.tip import Tip
from parcae.workspace.trees import Entry, entry_at, files_below, tree_of


class Branch:
    """One branch of the run `run`; `names` lead to it from the run's main branch."""

    def __init__(self, tip: Tip, run: str, names: tuple[str, ...] = ()) -> None:
        self.tip, self.run, self.names = tip, run, names
        self._staged: dict[str, bytes | None] = {}

    @property
    def objects(self) -> Objects:
        """Where the files lie."""
        return self.tip.objects

    @property
    def head(self) -> str:
        """The commit at the tip of this branch."""
        return str(self.tip.head)

    def branch(self, name: str) -> Branch:
        """The branch `name` below this one, made at this one's head if it is new."""
        names = (*self.names, name)
        tip = Tip(self.objects, branch_ref(self.run, names), self.tip.head, since=self.tip.since)
        return Branch(tip, self.run, names)

    def member(self, name: str) -> Member:
        """A writer of this branch beside others, whose own attempts branch off under `name`."""
        return Member(self.tip, self.run, (*self.names, name))

    # ---- reading

    def look(self, path: str) -> FileAt:
        """A file with its version; what waits to be committed counts."""
        names = self.objects.names(path)
        if path in self._staged:
            content = self._staged[path]
            if content is None:
                raise ToolRefused(f"there is no file {path!r}; list the files to see what there is")
            return FileAt(path=path, content=content, version=str(self.objects.blob(content).id))
        entry = self.objects.entry(self.tip.head, names)
        if entry is None:
            raise ToolRefused(f"there is no file {path!r}; list the files to see what there is")
        return FileAt(
            path=path,
            content=self.objects.content(entry) or b"",
            version=str(entry.id),
            executable=entry.mode == FileMode.BLOB_EXECUTABLE,
        )

    def read(self, path: str) -> bytes:
        """The content of a file. Raises ToolRefused if there is none."""
        return self.look(path).content

    def paths(self, under: str = "") -> Sequence[str]:
        """The files below the folder `under`, sorted; hidden ones are left out."""
        names = folder(under)
        top = entry_at(self.objects.repo, self.tip.head, (*self.objects.root, *names))
        if top is None and not names:
            return []
        if top is None or top.mode != FileMode.TREE:
            raise ToolRefused(f"there is no folder {under!r}")
        found = ((*names, *below) for below, _ in files_below(self.objects.repo, top.id))
        return sorted("/".join(one) for one in found if is_safe(one) and not self.objects.hidden.hides(one))

    # ---- writing

    def write(self, path: str, content: bytes | None) -> None:
        """Put `content` in the next commit; None deletes."""
        self.objects.names(path)
        self._staged[path] = content

    def commit(self, message: str, *, author: str) -> str:
        """Commit what was written; the head if nothing was."""
        if not self._staged:
            return self.head
        staged, by = dict(self._staged), By(author=author)

        def operation(head: pygit2.Oid) -> Made:
            changes: list[tuple[Sequence[str], Entry | None]] = []
            for path, content in staged.items():
                changes.append((self.objects.names(path), None if content is None else self.objects.blob(content)))
            made = self.objects.commit([head], changes, message, by)
            same = tree_of(self.objects.repo, made).id == tree_of(self.objects.repo, head).id
            after = head if same else made
            return Made(Changed(path="", version=None, commit=str(after)), after)

        self.tip.move_now(operation)
        self._staged.clear()
        return self.head

    async def change(self, edit: Edit, by: By) -> Changed | Conflict:
        """Make one change, merged with what others wrote since; durable when this returns, and made once per key."""
        kept_under = f"refs/parcae/{escaped(self.run)}/kept"

        def operation(head: pygit2.Oid) -> Made:
            return make(Bench(self.objects, head, by, kept_under), edit)

        return await self.tip.move(operation, by.key)

    async def merge(self, commit: str, *, author: str) -> str:
        """Bring in what another branch did up to `commit`; the head after it. Doing it again changes nothing.

        Raises:
            ToolRefused: both changed the same lines of a file; nothing was merged, both branches stay.
        """
        other = self._known(commit)
        await self.tip.move(lambda head: join(self.objects, head, other, By(author=author)))
        return self.head

    def go_back(self, commit: str) -> None:
        """Make `commit` the tip and forget what was written since."""
        self._staged.clear()
        self.tip.reset(self._known(commit))

    def _known(self, commit: str) -> pygit2.Oid:
        found = self.objects.repo.get(commit)
        if found is None or found.type_str != "commit":
            raise StoreFailed(f"the commit {commit} is not in {self.objects.repo.path}", "restore the repository")
        return found.id


class Member(Branch):
    """One writer among many. Its own attempts branch off under its name; their winner is merged."""

    def branch(self, name: str) -> Branch:
        """A branch of its own for an attempt of this member."""
        return super().branch(name)

    def go_back(self, commit: str) -> None:
        """Forget what waits; what is in the branch stays."""
        self._staged.clear()


def branch_ref(run: str, names: Sequence[str]) -> str:
    """The ref of a branch of `run`; () is the main one, which people see."""
    if not names:
        return f"refs/heads/parcae/{escaped(run)}"
    return f"refs/parcae/{escaped(run)}/branches/{'/'.join(map(escaped, names))}/@tip"


def escaped(name: str) -> str:
    """`name` as one component of a ref."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda char: "".join(f"%{byte:02X}" for byte in char[0].encode()), name)
