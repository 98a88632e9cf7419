"""Which calls are under way, in a file that outlives the process: so that a crash costs no more than these.

Money is made durable in blocks ahead, so the journal does not know how much of a block was drawn. This table does: a
slot is written before a call is sent, without a system call (the file is mapped into memory), and is emptied once the
call's settlement is in the journal. Until then it also keeps the lines that are on their way there, so that no reply
waits for the disk: a start after a crash writes them first (`recover`). What was mapped survives the end of the
process, but not that of the machine: a table of an earlier boot is worthless, and then the whole block counts as spent.
Knows nothing of models.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from parcae.core.protocols import Event
from parcae.core.usage import Amount
from parcae.ledger.restore import Drawn
from parcae.store.codec import encode
from parcae.store.redact import Redactor

_SLOT_BYTES, _SLOTS = 4096, 1024
_CALL_BYTES = 512  # of a slot: the call; what follows are the lines of its answer
_LENGTH = struct.Struct("<H")
_LINES = struct.Struct("<QH")  # when they were kept, counted up; how many bytes
_MAGIC = b"parcae flights/2 "


class Kept(NamedTuple):
    """Lines that were on their way into the journal: of `call`, as (scope, kind, body)."""

    number: int
    call: Drawn
    lines: Sequence[tuple[str, str, bytes]]


class Flights:
    """The table. `left` holds the calls of the process before this one; None if nobody kept count of them.

    `kept` holds the lines that this process did not get into the journal, in their order.
    """

    def __init__(self, path: Path, boot: bytes | None = None, redact: Redactor | None = None) -> None:
        boot = _boot() if boot is None else boot
        fresh = not path.exists()
        self._file = path.open("w+b" if fresh else "r+b")
        if fresh:
            path.chmod(0o600)
        head = _MAGIC + boot
        same = self._file.read(len(head)) == head and boot != b""
        if not same:
            self._file.truncate(0)
        size = max(path.stat().st_size, _SLOT_BYTES * (_SLOTS + 1))
        self._file.truncate(size)
        self._map = mmap.mmap(self._file.fileno(), size)
        self._map[: len(head)] = head
        self._redactor, self._number = redact or Redactor(), 0
        self.kept: Sequence[Kept] = ()
        found = self._read() if same else {}
        self._map.madvise(mmap.MADV_DONTNEED)  # what was read needs no memory any more
        self._free = [slot for slot in range(size // _SLOT_BYTES - 1, 0, -1) if slot not in found]
        self._left = found
        self._known = same or fresh

    def left(self, scope: str) -> Sequence[Drawn] | None:
        """The calls of `scope` that were under way when the process before this one ended; None if unknown."""
        return [call for call in self._left.values() if call.scope == scope] if self._known else None

    def taken_up(self, scope: str) -> None:
        """The calls of `scope` from before are settled in the journal."""
        self.land([slot for slot, call in self._left.items() if call.scope == scope])
        self._left = {slot: call for slot, call in self._left.items() if call.scope != scope}

    def depart(self, scope: str, reservation: str, block: str, held: Amount) -> int:
        """A call is about to be sent; its slot."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        text = f"{scope}\0{reservation}\0{block}\0{held.usd!r}\0{held.tokens}\0{held.calls}\0{held.seconds!r}".encode()
        start = slot * _SLOT_BYTES
        if len(text) > _CALL_BYTES - _LENGTH.size:
            raise ValueError(f"the names of {reservation!r} are too long")
        self._map[start + 2 : start + 2 + len(text)] = text
        _LINES.pack_into(self._map, start + _CALL_BYTES, 0, 0)
        _LENGTH.pack_into(self._map, start, len(text))  # last: a slot without a length is empty
        return slot

    def answer(self, slot: int, events: Sequence[Event]) -> bool:
        """Keep what is on its way into the journal for this call; False if there is no room for it."""
        bodies = self._redactor.lines([encode(event) for event in events])
        whole = zip(events, bodies, strict=True)
        text = "\n".join([f"{event.scope}\0{event.kind}\0{body}" for event, body in whole]).encode()
        if len(text) > _SLOT_BYTES - _CALL_BYTES - _LINES.size:
            return False
        start = slot * _SLOT_BYTES + _CALL_BYTES
        self._number += 1
        self._map[start + _LINES.size : start + _LINES.size + len(text)] = text
        _LINES.pack_into(self._map, start, self._number, len(text))  # last: without a length there are none
        return True

    def land(self, slots: Iterable[int]) -> None:
        """The settlements of these calls are in the journal."""
        for slot in slots:
            _LENGTH.pack_into(self._map, slot * _SLOT_BYTES, 0)
            self._free.append(slot)

    def close(self) -> None:
        """Leave the table as it is."""
        self._map.close()
        self._file.close()

    def _read(self) -> dict[int, Drawn]:
        found, kept = {}, []
        for slot in range(1, len(self._map) // _SLOT_BYTES):
            start = slot * _SLOT_BYTES
            (length,) = _LENGTH.unpack_from(self._map, start)
            if not length:
                continue
            with suppress(ValueError):
                scope, reservation, block, usd, tokens, calls, seconds = (
                    bytes(self._map[start + 2 : start + 2 + length]).decode().split("\0")
                )
                held = Amount(usd=float(usd), tokens=int(tokens), calls=int(calls), seconds=float(seconds))
                found[slot] = Drawn(scope=scope, reservation=reservation, block=block, held=held)
                number, length = _LINES.unpack_from(self._map, start + _CALL_BYTES)
                start += _CALL_BYTES + _LINES.size
                if length:
                    kept.append(Kept(number, found[slot], _split(bytes(self._map[start : start + length]))))
        self.kept = sorted(kept, key=lambda one: one.number)
        return found

    def _grow(self) -> None:
        before = len(self._map)
        self._map.close()
        self._file.truncate(2 * before)
        self._map = mmap.mmap(self._file.fileno(), 2 * before)
        self._free = list(range(2 * before // _SLOT_BYTES - 1, before // _SLOT_BYTES - 1, -1))


def _split(text: bytes) -> Sequence[tuple[str, str, bytes]]:
    lines = [line.split(b"\0") for line in text.split(b"\n")]
    return [(scope.decode(), kind.decode(), body) for scope, kind, body in lines]


def _boot() -> bytes:
    """What tells one boot of this machine from another; nothing where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    except OSError:
        return b""
