"""How a forecaster's graphs turn the arguments of calls into vectors: what a user names, trains and finds in a file.

"hashed" needs nothing; "fasttext" learns from the calls of the very tasks that train (needs gensim once, numpy from
then on) and travels inside the forecaster's file; "PROVIDER:MODEL" asks an embedding model, on every new text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Embedder
from parcae.graphs.embed import HashedSubwords
from parcae.graphs.embed_fasttext import FastTextEmbedder, fasttext_from, train_fasttext
from parcae.graphs.embed_model import ModelEmbedder
from parcae.graphs.turns import Turn

HASHED, FASTTEXT = "hashed", "fasttext"
Arrays = Mapping[str, NDArray[np.generic]]


def learns(name: str) -> bool:
    """Whether the embedder called `name` is trained on texts, so that each fold needs its own."""
    return name == FASTTEXT


def embedder_for(name: str, texts: Sequence[str], *, seed: int = 1) -> Embedder:
    """The embedder that a user calls "hashed", "fasttext" or "PROVIDER:MODEL"; one that learns reads `texts`.

    Raises:
        CallerMistake: there is no such embedder, gensim is missing, or the calls hold no words.
    """
    if name == HASHED:
        return HashedSubwords()
    if name == FASTTEXT:
        return train_fasttext(texts, seed=seed)
    if ":" in name:
        return ModelEmbedder(name)
    raise CallerMistake(f"there is no embedder {name!r}", "use hashed, fasttext, or an embedding model, PROVIDER:MODEL")


def arguments_of(attempts: Iterable[Sequence[Turn]]) -> list[str]:
    """The arguments of all calls of `attempts`: the texts to learn from."""
    return [call.arguments for turns in attempts for turn in turns for call in turn.calls]


def card_name(name: str, embedder: Embedder) -> str:
    """How a card names it: "hashed:128", "fasttext:100" or "PROVIDER:MODEL"."""
    return f"{name}:{embedder.dimensions}" if name in (HASHED, FASTTEXT) else name


def held_by(embedder: Embedder) -> dict[str, NDArray[np.generic]]:
    """What a file must hold of it; nothing where its name says all."""
    return embedder.arrays() if isinstance(embedder, FastTextEmbedder) else {}


def known_dimensions(embedder: Embedder) -> int | None:
    """Length of its vectors; None where a provider would have to be asked."""
    return None if isinstance(embedder, ModelEmbedder) else embedder.dimensions


def embedder_from(name: str, held: Arrays) -> Embedder:
    """The embedder that a card names, with what its file holds.

    Raises:
        CallerMistake: this Parcae does not know it, or its provider cannot be reached without a key.
        KeyError: the file lacks its vectors.
    """
    kind, _, rest = name.partition(":")
    if kind == HASHED and rest.isdecimal() and int(rest):
        return HashedSubwords(int(rest))
    if kind == FASTTEXT and rest.isdecimal():
        return fasttext_from(held)
    if rest and kind not in (HASHED, FASTTEXT):
        return ModelEmbedder(name)
    raise CallerMistake(f"no embedder {name!r} is known here", "train the forecaster again: parcae train")
