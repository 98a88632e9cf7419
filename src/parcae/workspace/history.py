"""Who did what to which file: the run's changes in order, and the last author of every line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pygit2
from pygit2.enums import SortMode

from parcae.core.protocols import ToolRefused
from parcae.workspace.branch import Branch
from parcae.workspace.objects import trailers_of
from parcae.workspace.trees import commit_of, data_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One commit of the run. `step` is None for a merge or for what was done outside a step; `at` is Unix seconds."""

    commit: str
    author: str
    step: int | None
    at: float
    paths: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a file, and who wrote it last; `author` None: it was there before the run."""

    number: int
    text: str
    author: str | None
    step: int | None
    commit: str


def history(branch: Branch, path: str | None = None) -> Iterator[FileChange]:
    """The changes of the run, newest first; those of the file `path` if one is named, under its present name."""
    repo = branch.objects.repo
    walk = repo.walk(branch.tip.head, SortMode.TOPOLOGICAL)
    if branch.tip.since is not None:
        walk.hide(branch.tip.since)
    for commit in walk:
        change = _change(commit)
        if path is None or path in change.paths:
            yield change


def changed_files(branch: Branch) -> dict[str, FileChange]:
    """Each file that the run touched and that is there now, with the newest change of it; sorted by path."""
    newest: dict[str, FileChange] = {}
    for change in history(branch):
        for path in change.paths:
            newest.setdefault(path, change)
    return {path: newest[path] for path in branch.paths() if path in newest}


def blame(branch: Branch, path: str) -> tuple[Line, ...]:
    """Every line of `path` with its last author.

    Raises:
        ToolRefused: there is no such file, or it is not text.
    """
    repo, names = branch.objects.repo, branch.objects.names(path)
    entry = branch.objects.entry(branch.tip.head, names)
    if entry is None:
        raise ToolRefused(f"there is no file {path!r}")
    try:
        texts = data_of(repo, entry.id).decode().split("\n")
    except UnicodeDecodeError:
        raise ToolRefused(f"{path!r} is not text") from None
    if texts and not texts[-1]:
        texts.pop()
    lines: list[Line] = []
    if texts:
        for hunk in repo.blame("/".join(names), newest_commit=branch.tip.head):
            lines += _lines(branch, hunk, texts)
    return tuple(sorted(lines, key=lambda line: line.number))


def _lines(branch: Branch, hunk: pygit2.blame.BlameHunk, texts: list[str]) -> Iterator[Line]:
    commit = commit_of(branch.objects.repo, hunk.final_commit_id)
    ours = not _is_before(branch, commit.id)
    author = commit.author.name if ours else None
    step = trailers_of(commit).step if ours else None
    first = hunk.final_start_line_number
    for number in range(first, min(first + hunk.lines_in_hunk, len(texts) + 1)):
        yield Line(number=number, text=texts[number - 1], author=author, step=step, commit=str(commit.id))


def _is_before(branch: Branch, commit: pygit2.Oid) -> bool:
    since = branch.tip.since
    if since is None:
        return False
    return commit == since or branch.objects.repo.descendant_of(since, commit)


def _change(commit: pygit2.Commit) -> FileChange:
    marks = trailers_of(commit)
    return FileChange(
        commit=str(commit.id),
        author=commit.author.name,
        step=marks.step,
        at=float(commit.commit_time),
        paths=marks.paths,
        what=commit.message.partition("\n")[0],
    )
