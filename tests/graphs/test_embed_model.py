from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from pydantic_ai.embeddings import EmbeddingResult
from pydantic_ai.embeddings import TestEmbeddingModel as Scripted  # pytest would collect its own name
from pydantic_ai.exceptions import ModelConnectionError
from tests.prediction.made import made_groups

from parcae.core.errors import CallerMistake, ProviderFailed
from parcae.graphs.embed_model import ModelEmbedder
from parcae.graphs.semantic import build_semantic


def test_vectors_have_length_one_and_every_text_is_asked_for_once() -> None:
    model = Scripted(dimensions=6)
    embedder = ModelEmbedder(model)
    vectors = embedder.embed(["a", "", "b", "a"])
    assert vectors.shape == (4, 6) and embedder.dimensions == 6
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1])
    embedder.embed(["b", "a"])
    assert list(embedder._known) == ["a", "b"]


def test_it_may_be_asked_inside_a_running_loop() -> None:
    async def live() -> int:
        graph = build_semantic(made_groups(1)[0].attempts, ModelEmbedder(Scripted(dimensions=4)), ("look",))
        return graph.matrix().nodes.shape[1]

    assert asyncio.run(live()) == 6


class Unreachable(Scripted):
    """A model whose provider is not there."""

    async def embed(self, *args: Any, **kwargs: Any) -> EmbeddingResult:
        raise ModelConnectionError("scripted", "Connection error.")


def test_a_provider_that_is_not_reached_is_said() -> None:
    with pytest.raises(ProviderFailed, match=r"was not reached: .*Connection error"):
        ModelEmbedder(Unreachable(dimensions=4)).embed(["a"])


def test_a_model_that_nobody_knows_is_named() -> None:
    with pytest.raises(CallerMistake, match="nobody:none"):
        ModelEmbedder("nobody:none")
