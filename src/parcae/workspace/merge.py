"""Three versions of a file become one, in memory, line by line as `git merge-file` does it.

Knows nothing of branches.
"""

from __future__ import annotations

import pygit2
from pygit2.enums import FileMode

from parcae.workspace.trees import Entry, data_of


def merge_files(repo: pygit2.Repository, base: Entry | None, theirs: Entry | None, own: Entry | None) -> Entry | None:
    """What `base` becomes if both `theirs` and `own` were made of it. None is a file that is not there.

    Raises:
        Clash: both changed the same lines, or one of them is not text.
    """
    if own == theirs or (own is None and theirs is None):
        return own
    if theirs == base:
        return own
    if own == base:
        return theirs
    if own is None or theirs is None or not all(_is_text(repo, one) for one in (base, theirs, own) if one is not None):
        raise Clash
    merged = repo.merge_file_from_index(_indexed(base), _indexed(own), _indexed(theirs))
    if not merged.automergeable:
        raise Clash
    mode = own.mode if base is None or own.mode != base.mode else theirs.mode
    return Entry(repo.create_blob(merged.contents.encode()), mode)


class Clash(Exception):
    """A signal: the versions cannot be merged."""


def _indexed(entry: Entry | None) -> pygit2.IndexEntry | None:
    return None if entry is None else pygit2.IndexEntry("file", entry.id, FileMode(entry.mode))


def _is_text(repo: pygit2.Repository, entry: Entry) -> bool:
    content = data_of(repo, entry.id)
    if b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
