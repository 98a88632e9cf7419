"""Texts as vectors by FastText, trained with gensim on one's own texts and evaluated in numpy.

Source: Bojanowski and others, Enriching Word Vectors with Subword Information (arXiv 1607.04606): a word that training
did not see is the mean of its sub-words. A text is the mean of its words. Meaning is learned from what the agents
wrote, so it knows what the hashed sub-words cannot: which spellings are used alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parcae.core.errors import CallerMistake

Floats32 = NDArray[np.float32]
SIZES = (3, 6)  # sub-words have from 3 to 6 characters
BUCKETS = 20_000
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FastTextEmbedder:
    """An Embedder. `vectors` (W, D) are the known words', `buckets` (B, D) the sub-words', float32."""

    words: dict[str, int]
    vectors: Floats32
    buckets: Floats32

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def embed(self, texts: Sequence[str]) -> Floats32:
        """float32, shape (len(texts), dimensions); rows have length 1, or 0 for a text without words."""
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            words = words_of(text)
            if words:
                mean = np.mean([self.word(word) for word in words], axis=0)
                row[:] = mean / max(1e-12, float(np.sqrt(mean @ mean)))
        return rows

    def word(self, word: str) -> Floats32:
        """The vector of one word, known or not, (D,)."""
        if word in self.words:
            return np.asarray(self.vectors[self.words[word]])
        places = [_hash(part) % len(self.buckets) for part in _parts(word)]
        return np.asarray(self.buckets[places].mean(axis=0)) if places else np.zeros(self.dimensions, dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All that it is made of, for the file that carries it."""
        return {"words": np.array(list(self.words)), "vectors": self.vectors, "buckets": self.buckets}


def fasttext_from(arrays: Mapping[str, NDArray[np.generic]]) -> FastTextEmbedder:
    """The embedder made of `arrays`; KeyError if one is missing, ValueError if they do not fit together."""
    words = {str(word): place for place, word in enumerate(arrays["words"])}
    vectors, buckets = (np.asarray(arrays[name], dtype=np.float32) for name in ("vectors", "buckets"))
    fit = vectors.ndim == buckets.ndim == 2 and vectors.shape[1] == buckets.shape[1] and len(buckets) > 0
    if not fit or len(words) != len(vectors):
        raise ValueError(f"{len(words)} words, vectors {vectors.shape} and sub-words {buckets.shape} do not fit")
    return FastTextEmbedder(words=words, vectors=vectors, buckets=buckets)


def train_fasttext(texts: Iterable[str], *, dimensions: int = 100, epochs: int = 10, seed: int = 1) -> FastTextEmbedder:
    """Learn vectors from `texts`, for example the arguments of all calls in a journal; the same seed, the same vectors.

    Raises:
        CallerMistake: gensim is not installed, or the texts hold no words.
    """
    try:
        from gensim.models import FastText
    except ImportError:
        raise CallerMistake("FastText vectors need gensim", "install it: pip install 'parcae[text]'") from None
    sentences = [words for text in texts if (words := words_of(text))]
    if not sentences:
        raise CallerMistake("there are no words to learn vectors from", "give texts, such as the arguments of calls")
    low, high = SIZES
    model = FastText(
        sentences=sentences, vector_size=dimensions, window=5, min_count=1, min_n=low, max_n=high, bucket=BUCKETS,
        epochs=epochs, seed=seed, workers=1,
    )  # fmt: skip
    return FastTextEmbedder(
        words=dict(model.wv.key_to_index),
        vectors=np.asarray(model.wv.vectors, dtype=np.float32),
        buckets=np.asarray(model.wv.vectors_ngrams, dtype=np.float32),
    )


def words_of(text: str) -> list[str]:
    """The words of `text` in small letters, in order."""
    return WORD.findall(text.lower())


def _parts(word: str) -> list[bytes]:
    """The sub-words of `word` with its borders marked, as UTF-8."""
    marked, (low, high) = f"<{word}>", SIZES
    return [
        marked[start : start + size].encode()
        for start in range(len(marked))
        for size in range(low, min(high, len(marked) - start) + 1)
    ]


def _hash(part: bytes) -> int:
    """FNV-1a with 32 bits over signed bytes, as FastText files have it."""
    value = 2166136261
    for byte in part:
        value = ((value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & 0xFFFFFFFF
    return value
