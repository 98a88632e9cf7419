"""Opens the folder that a run works on: a git repository of the user's, or a new one. Their files are not touched.

Everything is written into the object store, on a branch `parcae/RUN` and on refs below `refs/parcae/RUN`; HEAD, index
and working files stay as they are until somebody merges the branch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pygit2

from parcae.core.errors import CallerMistake
from parcae.core.workspace import By
from parcae.workspace.branch import Branch, branch_ref, escaped
from parcae.workspace.hidden import Hidden
from parcae.workspace.objects import Objects, explained
from parcae.workspace.refs import Move, publish
from parcae.workspace.tip import Tip

IDENTITY = By(author="parcae")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A workspace for one run: its main branch, and what should be said to the user about the folder.

    `uncommitted` are files of the user's that the run does not see because they were never committed.
    """

    main: Branch = field(repr=False)
    folder: Path
    is_new: bool
    uncommitted: tuple[str, ...] = ()

    @property
    def merge_command(self) -> str:
        """What brings the run's work into the user's own branch."""
        name = self.main.tip.ref.removeprefix("refs/heads/")
        return f"git -C {self.folder} merge {name}"


def open_workspace(folder: Path, run: str, *, granted: tuple[str, ...] = (), durable: bool = True) -> Opened:
    """The workspace of `run` in `folder`: the same one whenever asked again, so that a run can be resumed.

    `folder` is a git repository, a folder inside one, or empty, or new: then a repository is made there. `granted`:
    patterns of secret files that may be seen all the same.

    Raises:
        CallerMistake: the folder is a file, or holds files but is no repository.
        StoreFailed: git or the disk failed.
    """
    folder = folder.expanduser().resolve()
    try:
        repo, is_new = _open(folder)
        root = () if is_new or repo.is_bare else _root(repo, folder)
        objects = Objects(repo=repo, root=root, hidden=Hidden(granted=granted), durable=durable)
        main = _main_branch(objects, run)
        return Opened(main=main, folder=folder, is_new=is_new, uncommitted=_uncommitted(repo))
    except (pygit2.GitError, OSError) as error:
        raise explained(error, folder) from error


def _open(folder: Path) -> tuple[pygit2.Repository, bool]:
    if folder.exists() and not folder.is_dir():
        raise CallerMistake(f"{folder} is a file", "name a folder")
    found = pygit2.discover_repository(str(folder)) if folder.is_dir() else None
    if found is not None:
        return pygit2.Repository(found), False
    if folder.is_dir() and any(folder.iterdir()):
        raise CallerMistake(f"{folder} holds files but is no git repository", f"make it one: git -C {folder} init")
    return pygit2.init_repository(str(folder), initial_head="main"), True


def _root(repo: pygit2.Repository, folder: Path) -> tuple[str, ...]:
    top = Path(repo.workdir).resolve()
    if not folder.is_relative_to(top):
        raise CallerMistake(f"{folder} lies inside a repository's own data", "name the folder of its files")
    return folder.relative_to(top).parts


def _main_branch(objects: Objects, run: str) -> Branch:
    repo = objects.repo
    base_ref = f"refs/parcae/{escaped(run)}/base"
    known = repo.references.get(base_ref)
    if known is not None:
        base = known.peel(pygit2.Commit).id
    elif repo.head_is_unborn:
        base = objects.commit_tree([], repo.TreeBuilder().write(), "begin", IDENTITY)
    else:
        base = repo.head.peel(pygit2.Commit).id
    if known is None:
        publish(objects.common, [Move(base_ref, "", str(base))], durable=objects.durable)
    ref = branch_ref(run, ())
    return Branch(Tip(objects, ref, base, since=base), run)


def _uncommitted(repo: pygit2.Repository) -> tuple[str, ...]:
    if repo.is_bare:
        return ()
    clean = (pygit2.enums.FileStatus.CURRENT, pygit2.enums.FileStatus.IGNORED)
    return tuple(sorted(path for path, status in repo.status().items() if status not in clean))
