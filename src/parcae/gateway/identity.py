"""Which run is this request of? A model call is stateless, so every request carries its run's whole conversation.

The conversation is reduced to a chain of fingerprints, one a message, each made from the one before, so that one
fingerprint stands for the whole prefix. What was served is remembered under the chain that the next request must
extend. Evidence, strongest first: a header; a reply that only one run was served; an earlier prefix of one run.
What fits several runs is ambiguous: it opens a run of its own that is never swapped or stopped.

Knows nothing of HTTP, money or forecasts. Memory: one dictionary entry a message, forgotten with `forget`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Fingerprint = bytes
Evidence = Literal["header", "extends", "retry", "edited", "forked", "same_opening", "new", "ambiguous"]
ROOT: Fingerprint = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What identity needs of one message: a fingerprint of its role and content, and whether the model said it.

    `call_ids` are the tool calls that the message makes or answers: ids that a model made up and that clients keep
    even when they rewrite the rest.
    """

    content: Fingerprint
    from_model: bool = False
    call_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a request belongs.

    `step` counts the model's replies before this one. `task` groups attempts: runs with the same opening share it.
    `sure` False: the identity must not be acted on.
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


@dataclass(slots=True)
class _Run:
    """What is remembered of a run: the chain it last asked with, and the step of each chain it was asked at."""

    task: str
    last: Fingerprint
    step: int
    steps: dict[Fingerprint, int] = field(default_factory=dict)
    marks: set[Fingerprint] = field(default_factory=set)
    call_ids: set[str] = field(default_factory=set)
    sure: bool = True


class Identities:
    """The runs seen so far. One instance a server process; rebuilt from the journal by placing and serving again."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._served: dict[Fingerprint, set[str]] = {}
        self._asked: dict[Fingerprint, set[str]] = {}
        self._call_ids: dict[str, set[str]] = {}
        self._opened = 0
        self.ambiguous = 0

    def place(self, messages: Sequence[Message], *, run: str | None = None, task: str | None = None) -> Placed:
        """Decide whose request this is, and remember it.

        Args:
            messages: the whole conversation, oldest first.
            run: what the client says the run is; believed.
            task: what the client says the task is; else the fingerprint of the opening.
        """
        chain = chained(messages)
        placed = self._decide(messages, chain, run, task or _opening(messages, chain))
        self._remember(placed, messages, chain)
        return placed

    def served(self, run: str, reply: Message) -> None:
        """Remember what the model replied to the run's last request: the next request is expected to extend it."""
        known = self._runs[run]
        mark = _link(known.last, reply.content)
        known.marks.add(mark)
        self._served.setdefault(mark, set()).add(run)
        for call_id in reply.call_ids:
            known.call_ids.add(call_id)
            self._call_ids.setdefault(call_id, set()).add(run)

    def forget(self, run: str) -> None:
        """Drop everything that is remembered of a run."""
        known = self._runs.pop(run)
        for index, keys in ((self._served, known.marks), (self._asked, known.steps.keys())):
            for key in keys:
                _discard(index, key, run)
        for call_id in known.call_ids:
            _discard(self._call_ids, call_id, run)

    def __len__(self) -> int:
        return len(self._runs)

    def _decide(self, messages: Sequence[Message], chain: Sequence[Fingerprint], run: str | None, task: str) -> Placed:
        if run is not None:
            return self._named(run, task, messages, chain)
        replied = [index for index, message in enumerate(messages) if message.from_model]
        if not replied:
            same = any(known.task == task for known in self._runs.values()) if chain[-1:] else False
            return self._new(task, 0, "same_opening" if same else "new")
        return self._continued(messages, chain, replied, task)

    def _continued(
        self, messages: Sequence[Message], chain: Sequence[Fingerprint], replied: Sequence[int], task: str
    ) -> Placed:
        step = len(replied)
        again = self._only(self._asked.get(chain[-1], set()))
        if again is not None and self._runs[again].last == chain[-1]:
            return self._known(again, self._runs[again].steps[chain[-1]], "retry")
        for index in reversed(replied):
            owners = self._served.get(chain[index], set())
            if not owners:
                continue
            owner = self._only(owners)
            if owner is None:
                return self._new(task, step, "ambiguous")
            if self._runs[owner].last == (chain[index - 1] if index else ROOT):
                return self._known(owner, self._runs[owner].step + 1, "extends")
            return self._new(self._runs[owner].task, step, "forked", forked_from=owner)
        return self._edited(messages, replied, task, step)

    def _edited(self, messages: Sequence[Message], replied: Sequence[int], task: str, step: int) -> Placed:
        """The history was rewritten: whoever was given the call ids that it still carries."""
        owners: set[str] = set()
        for index in reversed(replied):
            owners = set().union(*(self._call_ids.get(call_id, set()) for call_id in messages[index].call_ids))
            if owners:
                break
        owner = self._only(owners)
        if owner is not None:
            return self._known(owner, self._runs[owner].step + 1, "edited")
        return self._new(task, step, "ambiguous" if owners else "new")

    def _named(self, run: str, task: str, messages: Sequence[Message], chain: Sequence[Fingerprint]) -> Placed:
        known = self._runs.get(run)
        if known is None:
            return Placed(run=run, task=task, step=sum(message.from_model for message in messages), evidence="header")
        step = known.steps.get(chain[-1], known.step + 1) if chain else known.step + 1
        return Placed(run=run, task=known.task, step=step, evidence="header")

    def _known(self, run: str, step: int, evidence: Evidence) -> Placed:
        known = self._runs[run]
        return Placed(run=run, task=known.task, step=step, evidence=evidence if known.sure else "ambiguous")

    def _new(self, task: str, step: int, evidence: Evidence, forked_from: str | None = None) -> Placed:
        self._opened += 1
        self.ambiguous += evidence == "ambiguous"
        return Placed(run=f"{task}-{self._opened}", task=task, step=step, evidence=evidence, forked_from=forked_from)

    def _remember(self, placed: Placed, messages: Sequence[Message], chain: Sequence[Fingerprint]) -> None:
        last = chain[-1] if chain else ROOT
        known = self._runs.setdefault(placed.run, _Run(task=placed.task, last=last, step=placed.step, sure=placed.sure))
        known.last, known.step = last, placed.step
        known.steps[last] = placed.step
        self._asked.setdefault(last, set()).add(placed.run)

    def _only(self, owners: set[str]) -> str | None:
        return next(iter(owners)) if len(owners) == 1 else None


def chained(messages: Sequence[Message]) -> list[Fingerprint]:
    """The fingerprint of every prefix of the conversation."""
    chain, last = [], ROOT
    for message in messages:
        last = _link(last, message.content)
        chain.append(last)
    return chain


def fingerprint(
    role: str, text: str, call_ids: Sequence[str] = (), calls: Sequence[tuple[str, str]] = ()
) -> Fingerprint:
    """Of one message: what clients keep when they send it back (role, text, calls), not how they write it."""
    digest = hashlib.blake2b(digest_size=12)
    for part in (role, text, *call_ids, *(item for call in calls for item in call)):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\x00")
    return digest.digest()


def _link(before: Fingerprint, content: Fingerprint) -> Fingerprint:
    return hashlib.blake2b(before + content, digest_size=12).digest()


def _opening(messages: Sequence[Message], chain: Sequence[Fingerprint]) -> str:
    """The fingerprint of everything before the model first spoke: attempts at one task share it."""
    first = next((index for index, message in enumerate(messages) if message.from_model), len(messages))
    return (chain[first - 1] if first else ROOT).hex() or "empty"


def _discard(index: dict[str, set[str]] | dict[Fingerprint, set[str]], key: str | Fingerprint, run: str) -> None:
    owners = index.get(key)  # type: ignore[arg-type]  # one helper for both indexes
    if owners is not None:
        owners.discard(run)
        if not owners:
            del index[key]  # type: ignore[arg-type]  # as above
