"""Bringing one branch into another: fast forward where nothing happened here, else three-way, file by file."""

from __future__ import annotations

import pygit2

from parcae.core.protocols import ToolRefused
from parcae.core.workspace import By, Changed
from parcae.workspace.changes import Made
from parcae.workspace.objects import Objects


def join(objects: Objects, head: pygit2.Oid, other: pygit2.Oid, by: By) -> Made:
    """`head` with what `other` did since they parted.

    Raises:
        ToolRefused: both changed the same lines of a file, or one changed what the other deleted.
    """
    repo = objects.repo
    base = repo.merge_base(head, other)
    if base == other:
        return _made(head)
    if base == head:
        return _made(other)
    index = repo.merge_trees(repo.TreeBuilder().write() if base is None else base, head, other)
    if index.conflicts is not None:
        paths = sorted({one.path for three in index.conflicts for one in three if one is not None})
        raise ToolRefused(
            f"{', '.join(paths[:5])} was changed on both branches; nothing was merged, and the work stays at {other}"
        )
    tree = index.write_tree(repo)
    return _made(objects.commit_tree([head, other], tree, f"merge the work of {by.author}", by))


def _made(head: pygit2.Oid) -> Made:
    return Made(Changed(path="", version=None, commit=str(head)), head)
