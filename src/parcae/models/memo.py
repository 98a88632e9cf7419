"""What was worked out about a message, remembered for as long as the message lives.

Histories only grow and messages are never changed, so counting, checking and mapping each message once is enough. Kept
by identity, which costs far less than comparing. Knows nothing of what is remembered.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage

T = TypeVar("T")


class _Ref(weakref.ref["ModelMessage"]):
    """A weak reference that knows the key it is kept under."""

    __slots__ = ("key",)
    key: int


class PerMessage(Generic[T]):
    """Calls `make` once for each message object, and gives the same result ever after.

    `make` must not give back anything that holds the message itself: then it would never be forgotten.
    """

    def __init__(self, make: Callable[[ModelMessage], T]) -> None:
        kept: dict[int, tuple[_Ref, T]] = {}

        def forget(gone: weakref.ref[ModelMessage]) -> None:
            assert isinstance(gone, _Ref)
            if (entry := kept.get(gone.key)) is not None and entry[0] is gone:
                del kept[gone.key]

        self._make, self._kept, self._forget = make, kept, forget

    def __len__(self) -> int:
        return len(self._kept)

    def __call__(self, message: ModelMessage) -> T:
        """What `make` gives for `message`."""
        entry = self._kept.get(id(message))
        if entry is not None and entry[0]() is message:
            return entry[1]
        return self.keep(message, self._make(message))

    def of_all(self, messages: Sequence[ModelMessage]) -> list[T]:
        """What `make` gives for each of `messages`; cheaper than a call for each."""
        found = self.seen(messages)
        return [
            self.keep(message, self._make(message)) if one is None else one
            for message, one in zip(messages, found, strict=True)
        ]

    def seen(self, messages: Sequence[ModelMessage]) -> list[T | None]:
        """What is remembered of each of `messages`; None if nothing is."""
        entry_of = self._kept.get
        return [
            entry[1] if (entry := entry_of(id(message))) is not None and entry[0]() is message else None
            for message in messages
        ]

    def keep(self, message: ModelMessage, made: T) -> T:
        """Remember `made` for `message`."""
        ref = _Ref(message, self._forget)
        ref.key = id(message)
        self._kept[ref.key] = (ref, made)
        return made
