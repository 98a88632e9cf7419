"""Server-sent events, cut out of chunks as they arrive. Knows nothing of what they carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pydantic_core

MAX_EVENT_BYTES = 8_000_000
DONE = b"[DONE]"


class Events:
    """Splits a stream of bytes into events; keeps what is not complete yet."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every event that is complete now: its bytes as they came, and its data."""
        held = self._rest + chunk if self._rest else chunk
        start = 0
        while True:
            end = _end(held, start)
            if end < 0:
                break
            raw = held[start:end]
            start = end
            yield raw, _data(raw)
        self._rest = held[start:]
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError(f"an event is larger than {MAX_EVENT_BYTES} bytes")

    @property
    def missing(self) -> bytes:
        """What ends the last event if the body is over and only its blank line did not come; nothing if more is lost.

        Some servers end with `data: [DONE]` and no line after it.
        """
        data = _data(self._rest)
        return b"\n\n" if data == DONE or self.document(data) else b""

    def documents(self, data: Sequence[bytes]) -> Iterator[Mapping[str, object]]:
        """The data of several events; one parse for all if all are well formed."""
        try:
            values = pydantic_core.from_json(b"[%b]" % b",".join(data))
        except ValueError:
            values = None
        if values is None or len(values) != len(data):
            yield from map(self.document, data)
        else:
            yield from (value if isinstance(value, dict) else {} for value in values)

    @staticmethod
    def document(data: bytes) -> Mapping[str, object]:
        """The data as a JSON object; empty if it is none."""
        try:
            value = pydantic_core.from_json(data)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def event(data: bytes, name: str = "") -> bytes:
    """One event."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n" if name else b"data: " + data + b"\n\n"


def _end(held: bytes, start: int) -> int:
    """Where the event that begins at `start` ends; -1 if it is not complete."""
    plain = held.find(b"\n\n", start)
    carriage = held.find(b"\r\n\r\n", start)
    if carriage >= 0 and (plain < 0 or carriage < plain):
        return carriage + 4
    return plain + 2 if plain >= 0 else -1


def _data(raw: bytes) -> bytes:
    if raw.startswith(b"data: ") and raw.count(b"\n") == 2:
        return raw[6:].strip()
    lines = [line[5:].strip() for line in raw.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines)
