"""What a run made: its files, who changed them, blame and diffs, out of the run's own branch and nothing else."""

from __future__ import annotations

from itertools import islice

import pygit2

from parcae.core.errors import CallerMistake
from parcae.core.protocols import ToolRefused
from parcae.organization.report import author_of
from parcae.web.api.told import Document
from parcae.workspace import Branch, blame, changed_files
from parcae.workspace.history import FileChange, history
from parcae.workspace.trees import commit_of

MOST_CHANGES = 500
MOST_DIFF_CHARS = 200_000


def files(branch: Branch) -> Document:
    """Every file that the run touched, with its newest change."""
    rows = [{"path": path, **_change(change)} for path, change in changed_files(branch).items()]
    return {"schema": "parcae.files/1", "files": rows}


def changes(branch: Branch, path: str) -> Document:
    """The changes of one file, newest first."""
    found = islice(history(branch, path), MOST_CHANGES)
    return {"schema": "parcae.file-history/1", "path": path, "changes": [_change(one) for one in found]}


def lines(branch: Branch, path: str) -> Document:
    """Every line of a file with its last author.

    Raises:
        CallerMistake: there is no such file in the run, or it is not text.
    """
    try:
        found = blame(branch, path)
    except ToolRefused as refused:
        raise CallerMistake(str(refused), "name a file of the run") from None
    rows = [
        {"line": one.number, "author": one.author and author_of(one.author), "step": one.step, "text": one.text}
        for one in found
    ]
    return {"schema": "parcae.blame/1", "path": path, "lines": rows}


def diff(branch: Branch, commit: str, path: str) -> Document:
    """What one commit of the run changed in a file, as a unified diff.

    Raises:
        CallerMistake: the run has no such commit.
    """
    if all(one.commit != commit for one in history(branch)):
        raise CallerMistake(f"the run has no commit {commit!r}", "name one of its history")
    repo = branch.objects.repo
    own = commit_of(repo, pygit2.Oid(hex=commit))
    patches = repo.diff(own.parents[0], own) if own.parents else own.tree.diff_to_tree(swap=True)
    wanted = [one for one in patches if one and path in (one.delta.new_file.path, one.delta.old_file.path)]
    text = "".join(one.text or "" for one in wanted)
    return {"schema": "parcae.diff/1", "commit": commit, "path": path, "diff": text[:MOST_DIFF_CHARS]}


def _change(change: FileChange) -> Document:
    who = author_of(change.author)
    return {"commit": change.commit, "author": who, "step": change.step, "at": change.at, "what": change.what}
