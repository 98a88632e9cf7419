"""Texts as vectors by any embedding model that the model layer knows: `openai:...`, `google:...`, `ollama:...`.

Every text is asked for once. Meant for training and evaluation, where texts repeat and nobody waits: a live step whose
text is new waits for the provider. What the calls cost is the provider's to say; they pass no ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parcae.core.errors import CallerMistake, ProviderFailed

if TYPE_CHECKING:
    from pydantic_ai.embeddings import EmbeddingModel


class ModelEmbedder:
    """An Embedder that asks `model`, a name such as "openai:text-embedding-3-small" or an opened embedding model."""

    def __init__(self, model: str | EmbeddingModel, *, batch: int = 100) -> None:
        from pydantic_ai import UserError
        from pydantic_ai.embeddings import Embedder

        try:
            self._embedder = Embedder(model, defer_model_check=False)
        except (UserError, ValueError) as error:
            raise CallerMistake(f"no embedding model {model!r}: {error}", "name one as provider:model") from None
        self._batch = batch
        self._known: dict[str, NDArray[np.float32]] = {}
        self._dimensions: int | None = None

    @property
    def dimensions(self) -> int:
        """Length of a vector; a first call finds it out."""
        if self._dimensions is None:
            self._learn(["dimensions"])
        assert self._dimensions is not None
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32, shape (len(texts), dimensions); rows have length 1, or 0 for an empty text.

        Raises:
            ProviderFailed: the provider refused or broke.
        """
        new = [text for text in dict.fromkeys(texts) if text.strip() and text not in self._known]
        for start in range(0, len(new), self._batch):
            self._learn(new[start : start + self._batch])
        nothing = np.zeros(self.dimensions, dtype=np.float32)
        return np.array([self._known.get(text, nothing) for text in texts]).reshape(len(texts), self.dimensions)

    def _learn(self, texts: Sequence[str]) -> None:
        """Ask for `texts`, from whatever thread and inside whatever loop."""
        with ThreadPoolExecutor(max_workers=1) as aside:
            vectors = aside.submit(asyncio.run, self._ask(texts)).result()
        for text, vector in zip(texts, vectors, strict=True):
            length = float(np.sqrt(vector @ vector))
            self._known[text] = vector / length if length else vector
        self._dimensions = vectors.shape[1]

    async def _ask(self, texts: Sequence[str]) -> NDArray[np.float32]:
        from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError

        try:
            result = await self._embedder.embed_documents(list(texts))
        except ModelHTTPError as error:
            raise ProviderFailed(
                f"the embedding model answered {error.status_code}", "check its name and key"
            ) from error
        except ModelAPIError as error:
            raise ProviderFailed(
                f"the embedding model was not reached: {str(error).rstrip('.')}", "try again later"
            ) from error
        return np.array(result.embeddings, dtype=np.float32)
