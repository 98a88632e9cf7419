"""Which run is this request of? A model call is stateless, so every request carries its run's whole conversation.

The conversation is reduced to a chain of fingerprints, one a message, each made from the one before, so that one
fingerprint stands for the whole prefix. What was served is remembered under the chain that the next request must
extend. Evidence, strongest first: a header; a reply that only one run was served, where it stood; the same reply in a
history that was edited since. A request that fits several runs is ambiguous: it opens a run of its own that is never
swapped or stopped, and that goes on with the next such request, so that its budget holds.

Knows nothing of HTTP, money or forecasts. Memory: a few dictionary entries a step, dropped with `forget`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar

Fingerprint = bytes
K = TypeVar("K", bytes, str)
Evidence = Literal["header", "extends", "retry", "edited", "forked", "same_opening", "new", "ambiguous"]
ROOT: Fingerprint = b""
UNIQUE_CHARS = 16  # a tool call's id of this length is random; shorter ones ("call_0") repeat
TELLING_BYTES = 48  # a reply of this length that one run was served is not said by chance in another


class Message(NamedTuple):
    """What identity needs of one message. A NamedTuple, since a hundred are made for each request.

    `content` is its role and content as every client writes them; `call_ids` are the tool calls that it makes or
    answers: ids that a model made up and that clients keep even when they rewrite the rest.
    """

    content: bytes
    from_model: bool = False
    call_ids: tuple[str, ...] = ()


class Before(NamedTuple):
    """What is known of the messages before those at hand: their chain's end, the model's replies, images' tokens."""

    last: Fingerprint
    replies: int
    bound_tokens: int = 0


class Placed(NamedTuple):
    """Where a request belongs.

    `step` counts the model's replies before this one. `task` groups attempts: runs with the same opening share it.
    """

    run: str
    task: str
    step: int
    evidence: Evidence
    forked_from: str | None = None

    @property
    def sure(self) -> bool:
        """Whether a swap or a stop may rest on this identity."""
        return self.evidence != "ambiguous"


class Marks(NamedTuple):
    """What is remembered of a reply: the conversation as it was asked, with the reply, and the reply alone."""

    asked: Fingerprint
    served: Fingerprint
    said: Fingerprint


@dataclass(slots=True)
class _Run:
    """A run: the chain that it asked with last, its step there, and all that leads to it in the indexes."""

    task: str
    last: Fingerprint
    step: int
    base: int  # the step of its first request: history before it was served by somebody else
    sure: bool = True
    failed: bool = False  # its last request got no reply
    answered: bool = False
    last_said: tuple[Fingerprint, ...] = ()
    last_calls: tuple[str, ...] = ()
    steps: dict[Fingerprint, int] = field(default_factory=dict)
    served: list[Fingerprint] = field(default_factory=list)
    said: list[Fingerprint] = field(default_factory=list)
    call_ids: list[str] = field(default_factory=list)


class Identities:
    """The runs of one key. Rebuilt from the journal with `restore`."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._asked = _Owners[Fingerprint]()
        self._served = _Owners[Fingerprint]()
        self._said = _Owners[Fingerprint]()
        self._call_ids = _Owners[str]()
        self._tasks: Counter[str] = Counter()
        self._opened = 0
        self.ambiguous = 0

    def __len__(self) -> int:
        return len(self._runs)

    def place(
        self,
        messages: Sequence[Message],
        chain: Sequence[Fingerprint] | None = None,
        *,
        run: str | None = None,
        task: str | None = None,
        again: bool = False,
    ) -> Placed:
        """Decide whose request this is, and remember it.

        Args:
            messages: the whole conversation, oldest first.
            chain: its fingerprints, where they were made before.
            run: what the client says the run is; believed.
            task: what the client says the task is; else the fingerprint of the opening.
            again: the client says that it repeats a request.
        """
        if chain is None:
            chain = chained(messages)
        last = chain[-1] if chain else ROOT
        if run is not None:
            placed = self._named(run, task, messages, last)
        else:
            placed = self._found(messages, chain, task, again)
        self._remember(placed, last)
        return placed

    def extending(
        self, before: Before, messages: Sequence[Message], chain: Sequence[Fingerprint], *, task: str | None = None
    ) -> Placed | None:
        """Whose request this is if it goes on where one run stands, told by the messages after `before` alone.

        As `place` would decide; None where that would need the whole conversation. Nothing is remembered: see `take`.
        """
        if self._asked.of(chain[-1]):
            return None
        replies = [index for index, message in enumerate(messages) if message.from_model]
        if not replies:
            return None
        newest = replies[-1]
        owners = self._served.of(chain[newest])
        if len(owners) != 1:
            return None
        (owner,) = owners
        known = self._runs[owner]
        if known.last != (chain[newest - 1] if newest else before.last) or task not in (None, known.task):
            return None
        return self._known(owner, known.step + 1, "extends")

    def take(self, placed: Placed, last: Fingerprint) -> None:
        """Remember what `extending` said of a request whose chain ends in `last`."""
        self._remember(placed, last)

    def served(self, run: str, reply: Message) -> Marks:
        """Remember what the model replied to the run's last request: the next request is expected to extend it."""
        known = self._runs[run]
        marks = Marks(asked=known.last, served=link(known.last, reply.content), said=link(ROOT, reply.content))
        if known.answered or known.failed:  # the same request was answered before: either answer may be taken up
            known.last_said = tuple({*known.last_said, marks.said})
            known.last_calls = tuple({*known.last_calls, *reply.call_ids})
        else:
            known.last_said, known.last_calls = (marks.said,), tuple(reply.call_ids)
        known.answered, known.failed = True, False
        self._index(run, known, marks, reply.call_ids)
        return marks

    def failed(self, run: str) -> None:
        """The run's last request got no reply: the same request again is a retry."""
        known = self._runs.get(run)
        if known is not None and not known.answered:
            known.failed = True

    def restore(self, run: str, task: str, step: int, marks: Marks, call_ids: Sequence[str], *, sure: bool) -> None:
        """Remember a reply that the journal tells of; in the journal's order."""
        self._remember(Placed(run=run, task=task, step=step, evidence="extends" if sure else "ambiguous"), marks.asked)
        known = self._runs[run]
        known.answered, known.last_said, known.last_calls = True, (marks.said,), tuple(call_ids)
        self._index(run, known, marks, call_ids)
        number = run.rpartition("-")[2]
        self._opened = max(self._opened, int(number) if number.isdigit() and len(number) < 12 else 0)

    def forget(self, run: str) -> None:
        """Drop everything that is remembered of a run."""
        known = self._runs.pop(run, None)
        if known is None:
            return
        self._tasks[known.task] -= 1
        if not self._tasks[known.task]:
            del self._tasks[known.task]
        for index, keys in ((self._asked, known.steps), (self._served, known.served), (self._said, known.said)):
            for key in keys:
                index.discard(key, run)
        for call_id in known.call_ids:
            self._call_ids.discard(call_id, run)

    # ---- deciding ---------------------------------------------------------------------------------------------------

    def _found(
        self, messages: Sequence[Message], chain: Sequence[Fingerprint], task: str | None, again: bool
    ) -> Placed:
        replies = [index for index, message in enumerate(messages) if message.from_model]
        last = chain[-1] if chain else ROOT
        placed = self._repeated(last, again, task)
        if placed is None and replies:
            placed = self._continued(messages, chain, replies)
        if placed is not None and task in (None, placed.task):
            return placed
        begun = replies[0] - 1 if replies else len(chain) - 1
        opening = task or (chain[begun].hex() if begun >= 0 else "empty")
        return self._new(opening, len(replies), "same_opening" if self._tasks[opening] else "new")

    def _repeated(self, last: Fingerprint, again: bool, task: str | None) -> Placed | None:
        """The very request that a run made last: a retry, but for openings, which attempts at one task share."""
        owners = [name for name in self._asked.of(last) if self._runs[name].last == last]
        if task is not None:
            owners = [name for name in owners if self._runs[name].task == task]
        retried = [name for name in owners if self._may_repeat(self._runs[name], again)]
        if len(retried) == 1 or (retried and all(self._is_opening(self._runs[name]) for name in retried)):
            return self._known(sorted(retried)[0], self._runs[retried[0]].step, "retry")
        if retried:
            return self._new(self._runs[retried[0]].task, self._runs[retried[0]].step, "ambiguous")
        return None

    def _may_repeat(self, known: _Run, again: bool) -> bool:
        return known.failed or not self._is_opening(known) or (again and not known.answered)

    @staticmethod
    def _is_opening(known: _Run) -> bool:
        return known.step == known.base

    def _continued(
        self, messages: Sequence[Message], chain: Sequence[Fingerprint], replies: Sequence[int]
    ) -> Placed | None:
        """The run whose reply stands in this history; None if nobody's does."""
        for index in reversed(replies):
            owners = self._served.of(chain[index])
            if owners:
                before = chain[index - 1] if index else ROOT
                return self._extends(messages[replies[-1]], owners, before, len(replies), exact=index == replies[-1])
        return self._edited(messages[replies[-1]], len(replies))

    def _extends(
        self, newest: Message, owners: Collection[str], before: Fingerprint, step: int, *, exact: bool
    ) -> Placed | None:
        """A whole prefix is known. `exact`: up to the newest reply; else what came after it was edited."""
        if not exact:
            current = {name for name in owners if self._said_last(self._runs[name], newest)}
            owners = current or owners
        if len(owners) > 1:
            return self._unclear(owners, step, [name for name in owners if self._runs[name].last == before])
        (owner,) = owners
        known = self._runs[owner]
        if known.last == before:
            return self._known(owner, known.step + 1, "extends")
        if not exact and self._said_last(known, newest):
            return self._known(owner, known.step + 1, "edited")
        return self._new(known.task, step, "forked", forked_from=owner)

    def _edited(self, newest: Message, step: int) -> Placed | None:
        """No prefix is known: the run whose reply is kept as the newest, if that cannot be chance."""
        said = link(ROOT, newest.content)
        owners = set(self._said.of(said)) if newest.call_ids or len(newest.content) >= TELLING_BYTES else set()
        for call_id in newest.call_ids:
            if len(call_id) >= UNIQUE_CHARS:
                owners.update(self._call_ids.of(call_id))
        if not owners:
            return None
        if len(owners) > 1:
            return self._unclear(owners, step, [name for name in owners if self._said_last(self._runs[name], newest)])
        (owner,) = owners
        known = self._runs[owner]
        if self._said_last(known, newest):
            return self._known(owner, known.step + 1, "edited")
        return self._new(known.task, step, "forked", forked_from=owner)

    def _unclear(self, owners: Collection[str], step: int, standing: Sequence[str]) -> Placed:
        """It fits several runs. One of those `standing` there that was unclear itself goes on, so that what limits a
        run limits it; else it opens one of its own.
        """
        unclear = min((name for name in standing if not self._runs[name].sure), default=None)
        if unclear is None:
            return self._new(self._runs[min(owners)].task, step, "ambiguous")
        self.ambiguous += 1
        return self._known(unclear, self._runs[unclear].step + 1, "ambiguous")

    @staticmethod
    def _said_last(known: _Run, newest: Message) -> bool:
        if link(ROOT, newest.content) in known.last_said:
            return True
        return any(len(call_id) >= UNIQUE_CHARS and call_id in known.last_calls for call_id in newest.call_ids)

    def _named(self, run: str, task: str | None, messages: Sequence[Message], last: Fingerprint) -> Placed:
        known = self._runs.get(run)
        if known is None:
            step = sum(message.from_model for message in messages)
            return Placed(run=run, task=task or run, step=step, evidence="header")
        step = known.steps.get(last, known.step + 1)
        return Placed(run=run, task=known.task, step=step, evidence="header")

    def _known(self, run: str, step: int, evidence: Evidence) -> Placed:
        known = self._runs[run]
        return Placed(run=run, task=known.task, step=step, evidence=evidence if known.sure else "ambiguous")

    def _new(self, task: str, step: int, evidence: Evidence, forked_from: str | None = None) -> Placed:
        self._opened += 1
        self.ambiguous += evidence == "ambiguous"
        while f"{task}-{self._opened}" in self._runs:
            self._opened += 1
        return Placed(run=f"{task}-{self._opened}", task=task, step=step, evidence=evidence, forked_from=forked_from)

    # ---- remembering ------------------------------------------------------------------------------------------------

    def _remember(self, placed: Placed, last: Fingerprint) -> None:
        known = self._runs.get(placed.run)
        if known is None:
            known = _Run(task=placed.task, last=last, step=placed.step, base=placed.step, sure=placed.sure)
            self._runs[placed.run] = known
            self._tasks[placed.task] += 1
        elif known.last != last or known.step != placed.step:
            known.answered = False
        known.last, known.step, known.failed = last, placed.step, False
        known.steps[last] = placed.step
        self._asked.add(last, placed.run)

    def _index(self, run: str, known: _Run, marks: Marks, call_ids: Sequence[str]) -> None:
        known.served.append(marks.served)
        self._served.add(marks.served, run)
        known.said.append(marks.said)
        self._said.add(marks.said, run)
        for call_id in call_ids:
            known.call_ids.append(call_id)
            self._call_ids.add(call_id, run)


class _Owners(Generic[K]):
    """Whose something is: nearly always one run's, for which a set would be the most of the gateway's memory."""

    __slots__ = ("_index",)

    def __init__(self) -> None:
        self._index: dict[K, str | set[str]] = {}

    def __len__(self) -> int:
        return len(self._index)

    def of(self, key: K) -> Collection[str]:
        """The runs."""
        found = self._index.get(key)
        if found is None:
            return ()
        return (found,) if isinstance(found, str) else found

    def add(self, key: K, run: str) -> None:
        """It is this run's, too."""
        found = self._index.setdefault(key, run)
        if isinstance(found, set):
            found.add(run)
        elif found != run:
            self._index[key] = {found, run}

    def discard(self, key: K, run: str) -> None:
        """It is not this run's any more."""
        found = self._index.get(key)
        if isinstance(found, set):
            found.discard(run)
        if not found or found == run:
            self._index.pop(key, None)


def chained(messages: Sequence[Message], last: Fingerprint = ROOT) -> list[Fingerprint]:
    """The fingerprint of every prefix of the conversation, which goes on from `last`."""
    chain, blake2b = [], hashlib.blake2b
    for message in messages:
        last = blake2b(last + message.content, digest_size=12).digest()  # as `link`, which would cost a call each
        chain.append(last)
    return chain


def link(before: Fingerprint, content: bytes) -> Fingerprint:
    """The fingerprint of a conversation that goes on with `content`."""
    return hashlib.blake2b(before + content, digest_size=12).digest()
