"""What an agent did, said and was told, found again by relevance and recency. Exact search; knows nothing of models.

Texts are cut into pieces, so that one fact in a long tool result can be found by itself. Source: MegaAgent 3, "Memory";
differs from its code, which embeds only what assistants say, and that is empty in nine turns of ten: here calls, their
results and messages are embedded too.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar

from parcae.core.protocols import Embedder
from parcae.core.trajectory import Step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PIECE_CHARS = 200
HALF_LIFE_STEPS = 100.0
RECENCY_WEIGHT = 0.05
WORDS_WEIGHT = 1.0
WORD_CHARS = 6
COMMON = 1.5  # a word in more than a fifth of all pieces tells nothing
_WORD = re.compile(r"\w{3,}")
_BREAK = re.compile(r"\n\s*\n|\n|(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """Pieces of text that the agents of `scope` remember, with their vectors: float16, one row a piece.

    `at` counts what that scope remembered; `source` names the step that it came from. `dimensions` tells whether the
    vectors fit the embedder in use.
    """

    kind: ClassVar[str] = "memory.kept/1"
    scope: str
    at: int
    pieces: tuple[str, ...]
    vectors: bytes
    dimensions: int
    source: str = ""


class Memory:
    """Pieces of text and their vectors, for one agent. `embedder` makes the vectors."""

    def __init__(self, embedder: Embedder) -> None:
        import numpy as np

        self.embedder = embedder
        self.pieces: list[str] = []
        self._places: dict[str, int] = {}
        self._holding: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._vectors = np.zeros((64, embedder.dimensions), np.float32)
        self._at = np.zeros(64, np.float32)

    def __len__(self) -> int:
        return len(self.pieces)

    def add(self, pieces: Sequence[str], *, at: int, vectors: NDArray[np.float32] | None = None) -> None:
        """Remember `pieces` as of step `at`; one that is known already becomes recent again."""
        new = [piece for piece in dict.fromkeys(pieces) if piece not in self._places]
        for piece in pieces:
            if piece in self._places:
                self._at[self._places[piece]] = at
        if not new:
            return
        if vectors is None:
            vectors = self.embedder.embed(new)
        else:
            rows = {piece: row for row, piece in enumerate(pieces)}
            vectors = vectors[[rows[piece] for piece in new]]
        start, end = len(self.pieces), len(self.pieces) + len(new)
        self._grow(end)
        self._vectors[start:end] = vectors
        self._at[start:end] = at
        for place, piece in enumerate(new, start):
            self._places[piece] = place
            for word in words_of(piece):
                self._holding[word].append(place)
        self.pieces += new

    def recall(
        self, queries: Sequence[str], *, now: int, room_chars: int, most: int = 5, before: int | None = None
    ) -> tuple[str, ...]:
        """The pieces that matter most to `queries` at step `now`, together at most `room_chars` long.

        What matters is the cosine and the rare words shared, plus a little for what is recent; each query has its
        turn, the first one first.
        Only what is older than step `before` counts.
        """
        import numpy as np

        count, wanted = len(self.pieces), [query for query in queries if query.strip()]
        if not count or not wanted or most < 1:
            return ()
        too_new = None if before is None else self._at[:count] >= before
        ranked = []
        for query, vector in zip(wanted, self.embedder.embed(wanted), strict=True):
            scores = self._vectors[:count] @ vector
            self._add_words(scores, query)
            if too_new is not None:
                scores[too_new] = -np.inf
            ranked.append(self._best(scores, most, now))
        return self._within(_in_turn(ranked), most, room_chars)

    def _add_words(self, scores: NDArray[np.float32], query: str) -> None:
        """Add up to WORDS_WEIGHT for the share of the query's words that a piece holds; rare words count for more."""
        import numpy as np

        found = [places for word in words_of(query) if (places := self._holding.get(word))]
        rare = [math.log(len(self.pieces) / len(places)) for places in found]
        whole = sum(rare) + math.log(len(self.pieces) + 1) * (len(words_of(query)) - len(found))
        for places, weight in zip(found, rare, strict=True):
            if weight > COMMON:
                scores[np.frombuffer(places, np.int64)] += WORDS_WEIGHT * weight / whole

    def _best(self, scores: NDArray[np.float32], most: int, now: int) -> list[int]:
        """The places of the highest scores with what recency adds, best first; those that do not count are left out.

        Recency adds at most RECENCY_WEIGHT, so only those that are so near the best need it: exact, and cheap.
        """
        import numpy as np

        most = min(most, len(scores))
        least = np.partition(scores, len(scores) - most)[len(scores) - most]
        near = np.flatnonzero(scores >= max(least - RECENCY_WEIGHT, -4.0))
        total = scores[near] + RECENCY_WEIGHT * np.exp2((self._at[near] - now) / HALF_LIFE_STEPS)
        return [int(near[place]) for place in np.argsort(-total, kind="stable")[:most]]

    def _within(self, places: Iterator[int], most: int, room_chars: int) -> tuple[str, ...]:
        found: list[str] = []
        for place in places:
            piece = self.pieces[place]
            if len(piece) <= room_chars and len(found) < most:
                found.append(piece)
                room_chars -= len(piece)
        return tuple(found)

    def event(self, scope: str, pieces: Sequence[str], *, at: int, source: str = "") -> Remembered:
        """What to append to the journal so that `restore` knows `pieces` again."""
        import numpy as np

        vectors = self.embedder.embed(pieces).astype(np.float16).tobytes()
        return Remembered(
            scope=scope,
            at=at,
            pieces=tuple(pieces),
            vectors=vectors,
            dimensions=self.embedder.dimensions,
            source=source,
        )

    def restore(self, event: Remembered) -> None:
        """Remember what was appended; vectors of another embedder are made anew."""
        import numpy as np

        vectors = None
        if event.dimensions == self.embedder.dimensions:
            flat = np.frombuffer(event.vectors, np.float16).astype(np.float32)
            vectors = flat.reshape(len(event.pieces), event.dimensions)
        self.add(event.pieces, at=event.at, vectors=vectors)

    def _grow(self, size: int) -> None:
        import numpy as np

        held = len(self._at)
        if size <= held:
            return
        more = max(size, 2 * held) - held
        self._vectors = np.concatenate([self._vectors, np.zeros((more, self.embedder.dimensions), np.float32)])
        self._at = np.concatenate([self._at, np.zeros(more, np.float32)])


def _in_turn(ranked: Sequence[Sequence[int]]) -> Iterator[int]:
    """Every place once: the first of each list, then the second of each, and so on."""
    given: set[int] = set()
    for places in zip_longest(*ranked):
        for place in places:
            if place is not None and place not in given:
                given.add(place)
                yield place


def words_of(text: str) -> set[str]:
    """The words of `text`, by their first letters, so that endings matter little."""
    return {word[:WORD_CHARS] for word in _WORD.findall(text.lower())}


def pieces_of(text: str) -> Iterator[str]:
    """`text` in pieces of at most PIECE_CHARS, cut where paragraphs, lines or sentences end."""
    piece = ""
    for part in _BREAK.split(text):
        for start in range(0, len(part), PIECE_CHARS):
            fragment = part[start : start + PIECE_CHARS].strip()
            if piece and len(piece) + len(fragment) + 1 > PIECE_CHARS:
                yield piece
                piece = ""
            piece = f"{piece}\n{fragment}" if piece and fragment else piece or fragment
    if piece:
        yield piece


def texts_of(step: Step) -> tuple[str, ...]:
    """What a step holds that is worth remembering: what was asked, said, called and given back."""
    texts = [] if step.asked is None else [step.asked]
    if step.reply is not None:
        if step.reply.text:
            texts.append(step.reply.text)
        texts += [f"{call.tool_name}: {_arguments(call.args)}" for call in step.reply.tool_calls]
    texts += [one.content for one in step.observations]
    return tuple(piece for text in texts for piece in pieces_of(text))


def _arguments(arguments: object) -> str:
    if not isinstance(arguments, dict):
        return str(arguments or "")
    return "\n".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, default=str)}"
        for name, value in arguments.items()
    )
