"""Opens the folder that a run works on: a git repository of the user's, or a new one. Their files are not touched.

Everything is written into the object store, on a branch `parcae/RUN` and on refs below `refs/parcae/RUN`; HEAD, index
and working files stay as they are until somebody merges the branch.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pygit2
from pygit2.enums import FileStatus

from parcae.core.errors import CallerMistake
from parcae.core.workspace import By
from parcae.workspace.branch import Branch, branch_ref, escaped
from parcae.workspace.hidden import Hidden
from parcae.workspace.objects import Objects, explained
from parcae.workspace.refs import Move, publish
from parcae.workspace.taking_in import take_in
from parcae.workspace.tip import Tip
from parcae.workspace.trees import entry_at

IDENTITY = By(author="parcae")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A workspace for one run: its main branch, and what should be said to the user about the folder.

    `is_new`: nothing was ever committed there. `plain`: the folder is no repository, and the run works on a copy.
    `uncommitted` are files of the user's that the run does not see because they were never committed; `left_out` are
    links and very large files.
    """

    main: Branch = field(repr=False)
    folder: Path
    is_new: bool = False
    plain: bool = False
    uncommitted: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def begun(self) -> Branch:
        """The files as the run found them, whatever it did since. Not to be written to."""
        objects, since = self.main.objects, self.main.tip.since
        assert since is not None
        return Branch(Tip(objects, branch_ref(self.main.run, ("begun",)), since), self.main.run, ("begun",))

    @property
    def merge_command(self) -> str:
        """What brings the work into the user's branch, or into their plain folder (see `delivery.deliver`)."""
        name = self.main.tip.ref.removeprefix("refs/heads/")
        return (
            self.checkout_command(["."]) if self.plain else shlex.join(["git", "-C", str(self.folder), "merge", name])
        )

    def checkout_command(self, paths: Sequence[str]) -> str:
        """What brings these files into the user's plain folder. Agents chose the names, so the shell reads none."""
        name, copy = self.main.tip.ref.removeprefix("refs/heads/"), self.main.objects.repo.path
        return shlex.join(["git", "--git-dir", copy, "--work-tree", str(self.folder), "checkout", name, "--", *paths])


def open_workspace(
    folder: Path, run: str, *, copies: Path | None = None, granted: tuple[str, ...] = (), durable: bool = True
) -> Opened:
    """The workspace of `run` in `folder`: the same one whenever asked again, so that a run can be resumed.

    `folder` is a git repository, a folder inside one, or empty, or new: then a repository is made there. The files of
    a folder that is no repository are copied into one below `copies`. `granted`: patterns of secret files that may be
    seen all the same.

    Raises:
        CallerMistake: the folder is a file, or no repository and `copies` is None, or too large.
        StoreFailed: git or the disk failed.
    """
    folder = folder.expanduser().resolve()
    hidden = Hidden(granted=granted)
    try:
        if folder.exists() and not folder.is_dir():
            raise CallerMistake(f"{folder} is a file", "name a folder")
        repo = _repository(folder)
        if (
            repo is None and folder.is_dir() and any(one.name != ".git" for one in folder.iterdir())
        ):  # a crash may leave a half-made .git
            return _open_copy(folder, run, copies, hidden, durable)
        if repo is None:
            repo = pygit2.init_repository(str(folder), initial_head="main")
        root = _root(repo, folder)
        main = _main_branch(Objects(repo=repo, root=root, hidden=hidden, durable=durable), run)
        return Opened(main=main, folder=folder, is_new=repo.head_is_unborn, uncommitted=_uncommitted(repo))
    except (pygit2.GitError, OSError) as error:
        raise explained(error, folder) from error


def _open_copy(folder: Path, run: str, copies: Path | None, hidden: Hidden, durable: bool) -> Opened:
    if copies is None:
        raise CallerMistake(f"{folder} holds files but is no git repository", f"make it one: git -C {folder} init")
    place = copies / f"{escaped(run)}.git"
    known = place.is_dir()
    repo = pygit2.init_repository(str(place), bare=True) if not known else pygit2.Repository(str(place))
    objects = Objects(repo=repo, hidden=hidden, durable=durable)
    left_out: tuple[str, ...] = ()
    if repo.references.get(_base_ref(run)) is None:
        repo.config["core.looseCompression"] = 1  # the copy is made once, and fast
        repo.workdir = str(folder)  # so that git's own rules say which files are ignored
        taken = take_in(repo, folder, hidden)
        left_out = taken.left_out
        begin = objects.commit_tree([], taken.tree, f"the files of {folder}", IDENTITY)
        publish(objects.common, [Move(_base_ref(run), "", str(begin))], durable=durable)
        repo = pygit2.Repository(str(place))
        objects = Objects(repo=repo, hidden=hidden, durable=durable)
    return Opened(main=_main_branch(objects, run), folder=folder, plain=True, left_out=left_out)


def _repository(folder: Path) -> pygit2.Repository | None:
    """The repository that tracks `folder`; one that merely lies around it and ignores it does not count."""
    found = pygit2.discover_repository(str(folder)) if folder.is_dir() else None
    if found is None:
        return None
    repo = pygit2.Repository(found)
    root = _root(repo, folder)
    tracked = not root or (
        not repo.head_is_unborn and entry_at(repo, repo.head.peel(pygit2.Commit).id, root) is not None
    )
    return repo if tracked else None


def _root(repo: pygit2.Repository, folder: Path) -> tuple[str, ...]:
    if repo.is_bare or repo.workdir is None:
        return ()
    top = Path(repo.workdir).resolve()
    if not folder.is_relative_to(top) or folder.is_relative_to(Path(repo.path).resolve()):
        raise CallerMistake(f"{folder} lies inside a repository's own data", "name the folder of its files")
    return folder.relative_to(top).parts


def _main_branch(objects: Objects, run: str) -> Branch:
    repo = objects.repo
    known = repo.references.get(_base_ref(run))
    if known is not None:
        base = known.peel(pygit2.Commit).id
    elif repo.head_is_unborn:
        base = objects.commit_tree([], repo.TreeBuilder().write(), "begin", IDENTITY)
    else:
        base = repo.head.peel(pygit2.Commit).id
    if known is None:
        publish(objects.common, [Move(_base_ref(run), "", str(base))], durable=objects.durable)
    return Branch(Tip(objects, branch_ref(run, ()), base, since=base), run)


def _base_ref(run: str) -> str:
    return f"refs/parcae/{escaped(run)}/base"


def _uncommitted(repo: pygit2.Repository) -> tuple[str, ...]:
    if repo.is_bare:
        return ()
    clean = (FileStatus.CURRENT, FileStatus.IGNORED)
    return tuple(sorted(path for path, status in repo.status().items() if status not in clean))
