"""Gives the run's work to the user: into a folder that was empty or plain, or as a command for their repository."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import CheckoutStrategy

from parcae.core.errors import StoreFailed
from parcae.workspace.branch import escaped
from parcae.workspace.objects import explained
from parcae.workspace.refs import Move, publish
from parcae.workspace.repository import Opened
from parcae.workspace.taking_in import read_plain
from parcae.workspace.trees import Entry, entry_at, files_below, tree_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """`written` now lie in the user's folder; `kept_back` do not, because the user changed them meanwhile.

    `command` brings in what was not written; None if nothing is left to do.
    """

    written: tuple[str, ...] = ()
    kept_back: tuple[str, ...] = ()
    command: str | None = None


def deliver(opened: Opened) -> Delivery:
    """Put the work where the user wants it. A repository of theirs is left alone: the command merges the branch.

    Raises:
        StoreFailed: the disk failed or is full.
    """
    if opened.main.tip.head == opened.main.tip.since:
        return Delivery()
    try:
        if opened.plain:
            return _into_plain_folder(opened)
        if opened.is_new and not opened.uncommitted:
            return _into_new_repository(opened)
    except (OSError, pygit2.GitError) as error:
        raise explained(error, opened.folder) from error
    return Delivery(command=opened.merge_command)


def lay_out(opened: Opened, folder: Path, *, made: frozenset[str] | None = None) -> None:
    """Write the run's files into `folder`, which is ours to write into: all that the run saw, or only those `made`.

    Raises:
        StoreFailed: the disk failed or is full.
    """
    try:
        for path in opened.main.paths():
            if made is None or path in made:
                file = opened.main.look(path)
                _write(folder, tuple(path.split("/")), file.content, executable=file.executable)
    except (OSError, pygit2.GitError) as error:
        raise explained(error, folder) from error


def lay_out_branch(opened: Opened, folder: Path) -> None:
    """Make a git worktree of the run's branch at `folder`, beside the user's own. There is one at most.

    Raises:
        StoreFailed: the disk failed or is full.
    """
    repo, name = opened.main.objects.repo, escaped(opened.main.run)
    try:
        if name in repo.list_worktrees():
            if folder.is_dir():
                return
            repo.lookup_worktree(name).prune(True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        repo.add_worktree(name, str(folder), repo.references[opened.main.tip.ref])
    except (OSError, pygit2.GitError) as error:
        raise explained(error, folder) from error


def _into_new_repository(opened: Opened) -> Delivery:
    repo, head = opened.main.objects.repo, opened.main.tip.head
    branch = str(repo.references["HEAD"].target)
    publish(opened.main.objects.common, [Move(branch, None, str(head))])
    safe = CheckoutStrategy.SAFE | CheckoutStrategy.RECREATE_MISSING
    repo.checkout_tree(tree_of(repo, head), strategy=safe)  # type: ignore[no-untyped-call]  # pygit2 has no types there
    return Delivery(written=tuple(opened.main.paths()))


def _into_plain_folder(opened: Opened) -> Delivery:
    objects, tip = opened.main.objects, opened.main.tip
    if tip.since is None:
        raise StoreFailed(f"{objects.repo.path} does not tell where the run began", "restore the repository")
    written, kept_back = [], []
    for names, entry in files_below(objects.repo, tip.head):
        before = entry_at(objects.repo, tip.since, names)
        if entry == before:
            continue
        path = "/".join(names)
        if _is_untouched(opened, names, before, entry):
            _write(opened.folder, names, objects.content(entry) or b"", executable=bool(entry.mode & 0o100))
            written.append(path)
        else:
            kept_back.append(path)
    command = opened.checkout_command(kept_back[:5]) if kept_back else None
    return Delivery(written=tuple(written), kept_back=tuple(kept_back), command=command)


def _is_untouched(opened: Opened, names: tuple[str, ...], before: Entry | None, entry: Entry) -> bool:
    """Whether what lies in the folder is what the run began with, or what it made; and no link leads out of it."""
    path = opened.folder.joinpath(*names)
    for above in list(path.parents)[: len(names) - 1]:
        if above.is_symlink() or (above.exists() and not above.is_dir()):
            return False
    if not path.exists() and not path.is_symlink():
        return True
    content, _ = read_plain(path)
    if content is None:
        return False
    now = pygit2.hash(content)
    return now == entry.id or (before is not None and now == before.id)


def _write(folder: Path, names: tuple[str, ...], content: bytes, *, executable: bool) -> None:
    """Replace the file in one go: a crash leaves the old one or the new one."""
    path = folder.joinpath(*names)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".parcae-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).chmod(0o755 if executable else 0o644)
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
