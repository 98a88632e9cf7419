"""FastText vectors: what numpy says is what gensim says, and arrays give them back."""

from __future__ import annotations

import numpy as np
import pytest

from parcae.core.errors import CallerMistake
from parcae.graphs.embed_fasttext import FastTextEmbedder, fasttext_from, train_fasttext, words_of
from parcae.graphs.semantic import build_semantic
from parcae.graphs.turns import Turn

TEXTS = [
    '{"signature": "org.example.Thing.createNumber(java.lang.String)"}',
    '{"signature": "org.example.Thing.createFloat(java.lang.String)"}',
    '{"class": "org.example.Other"}',
] * 5


def made() -> FastTextEmbedder:
    rng = np.random.default_rng(1)
    vectors, buckets = rng.normal(size=(2, 8)), rng.normal(size=(50, 8))
    return FastTextEmbedder(
        words={"alpha": 0, "beta": 1}, vectors=vectors.astype(np.float32), buckets=buckets.astype(np.float32)
    )


def test_a_text_is_the_mean_of_its_words_and_has_length_one() -> None:
    embedder = made()
    one, both, empty = embedder.embed(["Alpha", "alpha, beta!", " ?? "])
    assert np.allclose(one, embedder.vectors[0] / np.linalg.norm(embedder.vectors[0]), atol=1e-6)
    assert np.isclose(both @ both, 1) and np.allclose(both, _unit(embedder.vectors.mean(axis=0)), atol=1e-6)
    assert not empty.any()


def test_a_word_that_training_did_not_see_is_the_mean_of_its_sub_words() -> None:
    embedder = made()
    assert np.allclose(embedder.word("ab"), embedder.buckets[_places("ab", 50)].mean(axis=0), atol=1e-6)
    assert np.allclose(embedder.word("é"), embedder.buckets[_places("é", 50)].mean(axis=0), atol=1e-6)


def test_its_arrays_give_the_same_vectors_back() -> None:
    again = fasttext_from(made().arrays())
    assert again.dimensions == 8
    assert np.array_equal(again.embed(["alpha gamma"]), made().embed(["alpha gamma"]))


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        fasttext_from(made().arrays() | {"buckets": np.zeros((50, 7), dtype=np.float32)})


def test_numpy_says_what_gensim_says() -> None:
    gensim = pytest.importorskip("gensim", reason="gensim (the `text` extra) is missing")
    embedder = train_fasttext(TEXTS, dimensions=12, epochs=2)
    sentences = [words_of(text) for text in TEXTS]
    theirs = gensim.models.FastText(
        sentences=sentences, vector_size=12, window=5, min_count=1, min_n=3, max_n=6, bucket=20_000, epochs=2, seed=1,
        workers=1,
    )  # fmt: skip
    for word in ("createnumber", "createnumbers", "überall", "x"):
        assert np.abs(embedder.word(word) - theirs.wv[word]).max() < 1e-5
    assert np.array_equal(train_fasttext(TEXTS, dimensions=12, epochs=2).vectors, embedder.vectors)
    graph = build_semantic(((Turn(),),), embedder, ("look",)).matrix()
    assert graph.nodes.shape[1] == 12 + 2
    with pytest.raises(CallerMistake, match="no words"):
        train_fasttext([" "])


def _unit(vector: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(vector / np.linalg.norm(vector))


def _places(word: str, buckets: int) -> list[int]:
    """FNV-1a by the book, over signed bytes."""
    marked, found = f"<{word}>", []
    for size in range(3, 7):
        for start in range(len(marked) - size + 1):
            value = 2166136261
            for byte in marked[start : start + size].encode():
                signed = byte - 256 if byte > 127 else byte
                value = ((value ^ (signed % 2**32)) * 16777619) % 2**32
            found.append(value % buckets)
    return found
