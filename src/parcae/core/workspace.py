"""Files that many may write: the seam, what is done to a file, and what came of it. Knows nothing of git.

A version names the content that somebody read; a write carries the version that it was based on, so that what others
wrote since is merged and never overwritten (MegaAgent 3, "Files").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAt:
    """A file as it was when it was read."""

    path: str
    content: bytes
    version: str
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Make `content` the whole file. `based_on` is the version that was read; None: no such file was known.

    `executable` None leaves the file's mode as it is.
    """

    path: str
    content: bytes
    based_on: str | None = None
    executable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Put `new` where `old` stands; `old` must stand there exactly once."""

    path: str
    old: str
    new: str
    based_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Add `text` at the end, whatever others added; a file that does not exist is made. Never conflicts."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove the file, if it is still the version `based_on`."""

    path: str
    based_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Give the file another name, which must be free."""

    path: str
    to: str


Edit: TypeAlias = Write | Replace | Append | Delete | Move


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who changes something, in which step. `at` is Unix seconds; None: the machine's clock.

    `key` is the same whenever the same change is made again after a crash: it is then made once.
    """

    author: str
    step: int | None = None
    key: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The change is in `commit`, durably. `version` is the file's new version; None if it is gone.

    `merged`: what others wrote since is in it. `repeated`: the same change had been made before a crash.
    """

    path: str
    version: str | None
    commit: str
    merged: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The change was not made: somebody changed the same lines. Nothing is lost: `own` is kept under the ref `kept`.

    `base` is the content it was based on and `theirs` the content now, at `version`; None: no such file.
    """

    path: str
    base: bytes | None
    theirs: bytes | None
    own: bytes
    version: str | None
    kept: str


class Workspace(Protocol):
    """One branch of a git repository. Paths are relative to its root; no call reaches outside it."""

    @property
    def head(self) -> str:
        """The commit at the tip of this branch."""
        ...

    def branch(self, name: str) -> Workspace:
        """The branch `name`, made at this one's head if it is new."""
        ...

    def read(self, path: str) -> bytes:
        """The content of a file. Raises ToolRefused if there is none."""
        ...

    def write(self, path: str, content: bytes | None) -> None:
        """Put `content` in the next commit; None deletes."""
        ...

    def commit(self, message: str, *, author: str) -> str:
        """Commit what was written; the head if nothing was."""
        ...

    def go_back(self, commit: str) -> None:
        """Make `commit` the tip and forget what was written since. Where others write too, forget only what waits."""
        ...

    def look(self, path: str) -> FileAt:
        """A file with its version. Raises ToolRefused if there is none."""
        ...

    def paths(self, under: str = "") -> Sequence[str]:
        """The files below the folder `under`, sorted."""
        ...

    async def change(self, edit: Edit, by: By) -> Changed | Conflict:
        """Make one change, merged with what others wrote since; it is durable when this returns, and made once per key.

        Raises:
            ToolRefused: it cannot be made, as the message says.
        """
        ...

    async def merge(self, commit: str, *, author: str) -> str:
        """Bring in what another branch did up to `commit`; the head after it. Doing it again changes nothing."""
        ...
