"""The tip of a branch, which many move: each change is acknowledged when it is durable, and many share one sync.

A change is applied at once, in memory and in the object store; the ref follows as soon as the disk has it. Meanwhile
others go on. If another process moved the ref, what it did stays, and the changes that wait are made again on top.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pygit2

from parcae.core.errors import StoreFailed
from parcae.core.protocols import ToolRefused
from parcae.core.workspace import Changed, Conflict
from parcae.workspace.changes import Made
from parcae.workspace.objects import Objects, explained, trailers_of
from parcae.workspace.refs import Move, Moved, publish
from parcae.workspace.trees import commit_of, entry_at

Operation = Callable[[pygit2.Oid], Made]
_TRIES = 20


@dataclass(slots=True)
class _Waiting:
    operation: Operation
    made: Made
    done: asyncio.Future[Changed | Conflict]


class Tip:
    """`ref` in the repository of `objects`; `start` is the commit it begins at if it does not exist yet."""

    def __init__(self, objects: Objects, ref: str, start: pygit2.Oid, *, since: pygit2.Oid | None = None) -> None:
        self.objects, self.ref, self.since = objects, ref, since
        self._settled = _target(objects.repo, ref)
        self.head = self._settled or start
        self._start = start
        self._keys: dict[str, pygit2.Oid] | None = {} if self._settled is None else None
        self._waiting: list[_Waiting] = []
        self._flushing: asyncio.Task[None] | None = None

    async def move(self, operation: Operation, key: str = "") -> Changed | Conflict:
        """Apply `operation` to the head and wait until what it made is durable.

        Raises:
            ToolRefused: the operation refuses; nothing was done.
            StoreFailed: the disk failed or is full; nothing was done.
        """
        if key and (before := self._made_before(key)) is not None:
            return before
        made = self._apply(operation, self.head)
        self.head = made.head
        self._remember(key, made)
        done: asyncio.Future[Changed | Conflict] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(operation, made, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        return await done

    def move_now(self, operation: Operation) -> Changed | Conflict:
        """The same without an event loop's help: the whole process waits for the disk."""
        for _ in range(_TRIES):
            made = self._apply(operation, self.head)
            if made.head == self._settled and made.kept is None:
                return made.outcome
            try:
                self._publish([made])
            except Moved:
                self._start_over()
                continue
            self.head = self._settled = made.head
            return made.outcome
        raise _busy(self.ref)

    def reset(self, commit: pygit2.Oid) -> None:
        """Make `commit` the head, wherever the branch is."""
        if commit != self.head or self._settled is None:
            try:
                publish(self.objects.common, [Move(self.ref, "", str(commit))], durable=self.objects.durable)
            except OSError as error:
                raise explained(error, self.ref) from error
        self.head = self._settled = commit
        self._keys = None

    # ---- the disk

    async def _flush(self) -> None:
        """Publish what waits, again and again until nothing does."""
        failures = 0
        while self._waiting:
            await asyncio.sleep(0)  # whoever can write now joins this batch
            batch, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._publish, [one.made for one in batch])
            except Moved:
                failures += 1
                self._again(batch + self._waiting, _busy(self.ref) if failures > _TRIES else None)
            except (OSError, StoreFailed) as error:
                failed = error if isinstance(error, StoreFailed) else explained(error, self.ref)
                _settle(batch, failed)
                self._again(self._waiting, None)
            else:
                self._settled = batch[-1].made.head
                _settle(batch, None)

    def _publish(self, batch: list[Made]) -> None:
        old = None if self._settled is None else str(self._settled)
        moves = [Move(made.outcome.kept, "", str(made.kept)) for made in batch if isinstance(made.outcome, Conflict)]
        if batch[-1].head != self._settled:
            moves.append(Move(self.ref, old, str(batch[-1].head)))
        if moves:
            publish(self.objects.common, moves, durable=self.objects.durable)

    def _again(self, waiting: list[_Waiting], failed: StoreFailed | None) -> None:
        """Make what waits again, on the branch as it is on the disk now."""
        self._start_over()
        self._waiting = []
        for one in waiting:
            try:
                if failed is not None:
                    raise failed
                one.made = self._apply(one.operation, self.head)
            except (ToolRefused, StoreFailed) as refused:
                if not one.done.done():
                    one.done.set_exception(refused)
                continue
            self.head = one.made.head
            self._waiting.append(one)

    def _start_over(self) -> None:
        self._settled = _target(self.objects.repo, self.ref)
        self.head = self._settled or self._start
        self._keys = None

    # ---- changes

    def _apply(self, operation: Operation, head: pygit2.Oid) -> Made:
        try:
            return operation(head)
        except (pygit2.GitError, OSError) as error:
            raise explained(error, self.objects.repo.path) from error

    def _made_before(self, key: str) -> Changed | None:
        """What came of the change with this key, if it is in the branch already (contract 4)."""
        if self._keys is None:
            self._keys = self._read_keys()
        commit = self._keys.get(key)
        if commit is None:
            return None
        path = trailers_of(commit_of(self.objects.repo, commit)).paths[-1]
        entry = entry_at(self.objects.repo, commit, (*self.objects.root, *path.split("/")))
        version = None if entry is None else str(entry.id)
        return Changed(path=path, version=version, commit=str(commit), repeated=True)

    def _remember(self, key: str, made: Made) -> None:
        if key and self._keys is not None and isinstance(made.outcome, Changed):
            commit = pygit2.Oid(hex=made.outcome.commit)
            if trailers_of(commit_of(self.objects.repo, commit)).key == key:
                self._keys[key] = commit

    def _read_keys(self) -> dict[str, pygit2.Oid]:
        walk = self.objects.repo.walk(self.head)
        if self.since is not None:
            walk.hide(self.since)
        return {key: commit.id for commit in walk if (key := trailers_of(commit).key)}


def _target(repo: pygit2.Repository, ref: str) -> pygit2.Oid | None:
    found = repo.references.get(ref)
    return None if found is None else found.peel(pygit2.Commit).id


def _settle(batch: list[_Waiting], failed: StoreFailed | None) -> None:
    for one in batch:
        if one.done.done():
            continue  # whoever waited was cancelled
        if failed is None:
            one.done.set_result(one.made.outcome)
        else:
            one.done.set_exception(failed)


def _busy(ref: str) -> StoreFailed:
    return StoreFailed(f"{ref} was moved by another program {_TRIES} times while it was written", "end that program")
