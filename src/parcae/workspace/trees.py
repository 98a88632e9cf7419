"""Files in git's trees: found, listed, and put there without a checkout. Knows nothing of branches or authors.

Only plain files count: symbolic links and submodules are passed over, so no path can lead through one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import pygit2
from pygit2.enums import FileMode

from parcae.core.protocols import ToolRefused

PLAIN = (FileMode.BLOB, FileMode.BLOB_EXECUTABLE)
_MOST_KEPT, _MOST_KEPT_BYTES = 256, 1 << 16  # blobs, and bytes of each: 16 MB at most
_KEPT: OrderedDict[pygit2.Oid, bytes] = OrderedDict()  # the newest; an id is made of the content, in any repository


class Entry(NamedTuple):
    """What a tree holds under a name."""

    id: pygit2.Oid
    mode: int


def commit_of(repo: pygit2.Repository, id: pygit2.Oid) -> pygit2.Commit:
    """The commit `id`, which is known to be one."""
    return cast(pygit2.Commit, repo[id])


def tree_of(repo: pygit2.Repository, id: pygit2.Oid) -> pygit2.Tree:
    """The tree of the commit `id`, or the tree `id` itself."""
    return repo[id].peel(pygit2.Tree)


def data_of(repo: pygit2.Repository, id: pygit2.Oid) -> bytes:
    """The content of the blob `id`."""
    data = _KEPT.get(id)
    if data is None:
        data = cast(pygit2.Blob, repo[id]).data
        if len(data) <= _MOST_KEPT_BYTES:
            _KEPT[id] = data
            while len(_KEPT) > _MOST_KEPT:
                _KEPT.popitem(last=False)
    return data


def entry_at(repo: pygit2.Repository, tree: pygit2.Oid | None, names: Sequence[str]) -> Entry | None:
    """What lies at `names` below `tree` (or commit), folder or file.

    None if nothing does, or if the way leads through a file or a link.
    """
    for place, name in enumerate(names):
        if tree is None:
            return None
        try:
            found = tree_of(repo, tree)[name]
        except KeyError:
            return None
        if place == len(names) - 1:
            return Entry(found.id, found.filemode)
        tree = found.id if found.filemode == FileMode.TREE else None
    return None if tree is None else Entry(tree, FileMode.TREE)


def files_below(repo: pygit2.Repository, tree: pygit2.Oid) -> Iterator[tuple[tuple[str, ...], Entry]]:
    """Every plain file below `tree`, in git's order. Names that are not UTF-8 are passed over."""
    for found in tree_of(repo, tree):
        try:
            name = (found.raw_name or b"").decode()
        except UnicodeDecodeError:
            continue
        if found.filemode == FileMode.TREE:
            for names, entry in files_below(repo, found.id):
                yield (name, *names), entry
        elif found.filemode in PLAIN:
            yield (name,), Entry(found.id, found.filemode)


def put(
    repo: pygit2.Repository, tree: pygit2.Oid | None, names: Sequence[str], entry: Entry | None
) -> pygit2.Oid | None:
    """`tree` with `entry` at `names` (None removes it); None if nothing is left. Folders come and go with their files.

    Raises:
        ToolRefused: a file stands where a folder is needed, a folder where the file is, or a name differs only in
            letter case from one that is there.
    """
    here = None if tree is None else tree_of(repo, tree)
    builder = repo.TreeBuilder() if here is None else repo.TreeBuilder(here)
    name = names[0]
    there = here[name] if here is not None and name in here else None
    if there is None and here is not None and entry is not None:
        _refuse_look_alike(here, name)
    if len(names) > 1:
        entry = _below(repo, there, names, entry)
    elif there is not None and there.filemode not in PLAIN:
        raise ToolRefused(f"{name!r} is a folder or a link, not a file; choose another name")
    if entry is not None:
        builder.insert(name, entry.id, entry.mode)
    elif there is not None:
        builder.remove(name)
    return builder.write() if len(builder) else None


def _below(
    repo: pygit2.Repository, there: pygit2.Object | None, names: Sequence[str], entry: Entry | None
) -> Entry | None:
    if there is not None and there.filemode != FileMode.TREE:
        raise ToolRefused(f"{names[0]!r} is a file or a link, not a folder; choose another path")
    below = put(repo, None if there is None else there.id, names[1:], entry)
    return None if below is None else Entry(below, FileMode.TREE)


def _refuse_look_alike(tree: pygit2.Tree, name: str) -> None:
    folded = name.casefold()
    for other in tree:
        if (other.raw_name or b"").decode(errors="replace").casefold() == folded:
            raise ToolRefused(
                f"{name!r} differs from {other.name!r}, which is there, only in letter case; use that name"
            )
