"""Texts as vectors without a model: hashed sub-words, the same on every machine, nothing to download.

Source: sub-word units as in FastText (arXiv 1607.04606), hashed with a sign into few dimensions (arXiv 0902.2206)
instead of trained; so equal texts are equal and similar spellings are near, and meaning is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIZES = (3, 4, 5)
PRIME = np.uint64(1099511628211)
MIX = np.uint64(0x9E3779B97F4A7C15)


class HashedSubwords:
    """The default Embedder. Every run of 3, 4 or 5 bytes of the padded text adds 1 or -1 to one of `dimensions`."""

    def __init__(self, dimensions: int = 128) -> None:
        self._dimensions = dimensions

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32, shape (len(texts), dimensions); rows have length 1, or 0 for an empty text."""
        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row[:] = _hashed(text, self._dimensions)
        return vectors


@lru_cache(maxsize=50_000)
def _hashed(text: str, dimensions: int) -> NDArray[np.float32]:
    if not text.strip():
        return np.zeros(dimensions, dtype=np.float32)
    codes = np.frombuffer(f"<{text.lower()}>".encode(errors="replace"), dtype=np.uint8).astype(np.uint64)
    total = np.zeros(dimensions)
    for size in SIZES:
        if len(codes) < size:
            continue
        grams = np.zeros(len(codes) - size + 1, dtype=np.uint64)
        for offset in range(size):
            grams = grams * PRIME + codes[offset : offset + len(grams)]
        mixed = grams * MIX
        places = (mixed >> np.uint64(33)) % np.uint64(dimensions)
        signs = np.where(mixed >> np.uint64(63), 1.0, -1.0)
        total += np.bincount(places.astype(np.intp), weights=signs, minlength=dimensions)
    length = float(np.sqrt(total @ total))
    return (total / length if length else total).astype(np.float32)
