"""What was worked out about a message, remembered for as long as the message lives.

Histories only grow and messages are never changed, so counting, checking and mapping each message once is enough. Kept
by identity, which costs far less than comparing. Knows nothing of what is remembered.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage

T = TypeVar("T")


class PerMessage(Generic[T]):
    """Calls `make` once for each message object, and gives the same result ever after."""

    __slots__ = ("_kept", "make")

    def __init__(self, make: Callable[[ModelMessage], T]) -> None:
        self.make = make
        self._kept: dict[int, tuple[weakref.ref[ModelMessage], T]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __call__(self, message: ModelMessage) -> T:
        """What `make` gives for `message`."""
        entry = self._kept.get(id(message))
        if entry is not None and entry[0]() is message:
            return entry[1]
        return self.keep(message, self.make(message))

    def keep(self, message: ModelMessage, made: T) -> T:
        """Remember `made` for `message`."""
        key, kept = id(message), self._kept

        def forget(gone: weakref.ref[ModelMessage]) -> None:
            if (entry := kept.get(key)) is not None and entry[0] is gone:
                del kept[key]

        kept[key] = (weakref.ref(message, forget), made)
        return made
