"""Remembers what was read, so that a history which comes again, byte for byte, is not read again.

An agent's request repeats all its messages and adds a few. Where the bytes up to the last known message are known (by
their length and SHA-256), only the rest is parsed; the rest stands for the whole, since what is true of the same bytes
stays true. Whatever is not plain (a field twice, a name written with escapes) is read in full. Knows nothing of runs.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from parcae.gateway.dialect import Asked, Dialect, Document, parse
from parcae.gateway.identity import Before, Fingerprint, chained
from parcae.gateway.refusal import Refusal

_HISTORY = re.compile(rb'"messages"\s*:\s*\[\s*')
_SPACE = b" \t\r\n"
_LOOK_BACK = 64  # messages (and their parts) that a request may add and still be known
_LEAST_BYTES = 1_000  # shorter ones are read as fast as they are looked up
_LONG_BYTES = 16_000  # from here on a history is hashed once for all places where a known one could end
_ABOVE = ("system",)  # stands above the conversation: must be known before the messages are


class Hash(Protocol):
    """As hashlib makes them."""

    def update(self, data: bytes, /) -> None:
        """Take in more."""

    def digest(self) -> bytes:
        """Of all so far."""
        ...

    def copy(self) -> Hash:
        """One that goes on from here by itself."""
        ...


class Gap(NamedTuple):
    """Where the messages stand in a body: from `start` to `end`."""

    start: int
    end: int


class Reading(NamedTuple):
    """A request that was read. Where `asked.before` stands for messages, neither `document` nor `asked` holds them.

    `chain`: the fingerprints of the messages at hand. `gap`: where all of them stand, if that was found out.
    """

    document: Document
    asked: Asked
    chain: Sequence[Fingerprint]
    gap: Gap | None = None


class _Known(NamedTuple):
    start: int
    end: int
    before: Before


class Readings:
    """The `most` histories that were read last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._lengths: Counter[int] = Counter()
        self._fresh: dict[tuple[str, str], Hash] = {}

    def __len__(self) -> int:
        return len(self._known)

    def read(self, dialect: Dialect, body: bytes, owner: str) -> Reading:
        """Understand a request, as far as it is new. Raises Refusal (400)."""
        if len(body) < _LEAST_BYTES or not dialect.goes_on:
            return whole(dialect, body)
        fresh = self._fresh.get((owner, dialect.path))
        if fresh is None:
            fresh = self._fresh[owner, dialect.path] = hashlib.sha256(f"{owner}\0{dialect.path}\0".encode())
        known, hashed = self._longest(body, fresh)
        rest = b"" if known is None else _added(body, known.end)
        if known is None or not rest or b'"messages"' in rest:
            reading = whole(dialect, body)
            return self._learned(reading, body, fresh.copy(), _start(reading.document, body), 0)
        document = parse(body[: known.start] + rest)
        asked = dialect.read(document, before=known.before)
        reading = Reading(document, asked, chained(asked.messages, known.before.last))
        return self._learned(reading, body, hashed, known.start, known.end)

    def _longest(self, body: bytes, fresh: Hash) -> tuple[_Known | None, Hash]:
        """The longest known beginning of `body`, and the hash that has taken it in."""
        ends = self._candidates(body)
        if len(body) < _LONG_BYTES:  # the first one is nearly always the one
            for end in ends:
                state = fresh.copy()
                state.update(body[:end])
                known = self._known.get(digest := state.digest())
                if known is not None:
                    self._known.move_to_end(digest)
                    return known, state
            return None, fresh
        found, taken, done = None, fresh, 0
        state = fresh.copy()
        for end in reversed(ends):
            state.update(body[done:end])
            done = end
            digest = state.digest()
            known = self._known.get(digest)
            if known is not None:
                found, taken = known, state.copy()
                self._known.move_to_end(digest)
        return found, taken

    def _candidates(self, body: bytes) -> Sequence[int]:
        """Where a known history could end: after an object in a list, near the end of the body. The last one first."""
        found: list[int] = []
        for separator in (b'},{"', b'}, {"'):
            place = len(body)
            for _ in range(_LOOK_BACK):
                place = body.rfind(separator, 0, place)
                if place < 0:
                    break
                if place + 1 in self._lengths:
                    found.append(place + 1)
            if found:
                break
        return found

    def _learned(self, reading: Reading, body: bytes, hashed: Hash, start: int, done: int) -> Reading:
        """Remember a history that begins at `start`; `hashed` has taken in `done` bytes."""
        end = _end(reading.document, body, done or start) if start else 0
        if not end:
            return reading
        hashed.update(body[done:end])
        digest, before = hashed.digest(), reading.asked.before
        replies = 0 if before is None else before.replies
        for message in reading.asked.messages:
            replies += message.from_model
        if digest not in self._known:
            self._lengths[end] += 1
            if len(self._known) >= self._most:
                self._forget()
        known = Before(last=reading.chain[-1], replies=replies, bound_tokens=reading.asked.bound_tokens)
        self._known[digest] = _Known(start, end, known)
        return reading._replace(gap=Gap(start, end))

    def _forget(self) -> None:
        _, known = self._known.popitem(last=False)
        self._lengths[known.end] -= 1
        if not self._lengths[known.end]:
            del self._lengths[known.end]


def whole(dialect: Dialect, body: bytes) -> Reading:
    """Understand all of a request. Raises Refusal (400)."""
    document = parse(body)
    asked = dialect.read(document)
    return Reading(document, asked, chained(asked.messages))


def _added(body: bytes, end: int) -> bytes:
    """What follows the messages that end at `end`, from the next message on; nothing if there is none."""
    rest = body[end:].lstrip(_SPACE)
    if not rest.startswith(b","):
        return b""
    rest = rest[1:].lstrip(_SPACE)
    return rest if rest.startswith(b"{") else b""


def _start(document: Document, body: bytes) -> int:
    """Where the first message begins; 0 if that cannot be told."""
    begins = _HISTORY.search(body)
    names = list(document)
    if begins is None or any(name in _ABOVE for name in names[names.index("messages") :]):
        return 0
    try:
        seen = parse(body[: begins.end()] + b"]}")
    except Refusal:
        return 0
    return begins.end() if list(seen) == names[: names.index("messages") + 1] else 0


def _end(document: Document, body: bytes, start: int) -> int:
    """Where the last message ends; it ends after `start`. 0 if that cannot be told."""
    names = list(document)
    after = names[names.index("messages") + 1 :]
    if any(name in _ABOVE for name in after):
        return 0
    if after:
        mark = b'"%b"' % after[0].encode()
        if body.count(mark, start) != 1:
            return 0
        place = _before(body, body.index(mark, start), b",")
    else:
        place = _before(body, len(body), b"}")
    place = _before(body, place, b"]")
    last = _before(body, place, b"}")
    return last + 1 if last > 0 else 0


def _before(body: bytes, place: int, wanted: bytes) -> int:
    """Where `wanted` stands before `place` with nothing but space between; 0 if something else does."""
    place -= 1
    while place > 0 and body[place] in _SPACE:
        place -= 1
    return place if place > 0 and body[place] == wanted[0] else 0
