"""The graph convolutional network of Atropos, evaluated in numpy: two GCN layers, mean pool, one linear layer.

Sources: Kipf and Welling 2017, eq. 2 (arXiv 1609.02907); PAPERS section 1, "Predictor". Trained in `gcn_training`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parcae.graphs.semantic import FlowMatrix

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class GcnSettings:
    """The paper's numbers."""

    hidden: int = 32
    dropout: float = 0.8
    rate: float = 1e-3
    batch: int = 32
    epochs: int = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Gcn:
    """float32: `first` (D, H), `first_bias` (H,), `second` (H, H), `second_bias` (H,), `last` (H,), `last_bias` ()."""

    first: Floats32
    first_bias: Floats32
    second: Floats32
    second_bias: Floats32
    last: Floats32
    last_bias: Floats32

    def logit(self, graph: FlowMatrix) -> float:
        """The network's output before the logistic."""
        weights, scale = looped(graph)
        hidden = _layer(weights, scale, graph.nodes @ self.first, self.first_bias)
        hidden = _layer(weights, scale, hidden @ self.second, self.second_bias)
        return float(hidden.mean(axis=0) @ self.last + self.last_bias)

    def score(self, graph: FlowMatrix) -> float:
        """How likely failure looks, in [0, 1]."""
        return likelihood(self.logit(graph))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All that it is made of."""
        return {name: getattr(self, name) for name in NAMES}


NAMES = ("first", "first_bias", "second", "second_bias", "last", "last_bias")


def likelihood(logit: float) -> float:
    """1 / (1 + exp(-logit))."""
    return 1 / (1 + math.exp(-max(-700.0, logit)))


def gcn_from(arrays: Mapping[str, NDArray[np.generic]]) -> Gcn:
    """The network made of `arrays`."""
    return Gcn(**{name: np.asarray(arrays[name], dtype=np.float32) for name in NAMES})


def _layer(weights: Floats32, scale: Floats32, hidden: Floats32, bias: Floats32) -> Floats32:
    """relu(scale * (weights @ (scale * hidden)) + bias); `hidden` is overwritten."""
    hidden *= scale
    mixed = weights @ hidden
    mixed *= scale
    mixed += bias
    return np.asarray(np.maximum(mixed, 0, out=mixed), dtype=np.float32)


def looped(graph: FlowMatrix) -> tuple[Floats32, Floats32]:
    """float32 (N, N) with w(i, j) in row j for each edge i -> j, and float32 (N, 1) with 1 / sqrt(deg).

    Every node gets a self-loop of weight 1 unless it has one already, which then keeps its weight. Ours is directed:
    deg is the weighted in-degree, self-loop included.
    """
    count = len(graph.nodes)
    weights = np.zeros((count, count), dtype=np.float32)
    weights[graph.targets, graph.sources] = graph.weights
    own = weights.reshape(-1)[:: count + 1]
    own[own <= 0] = 1
    return weights, np.asarray(1 / np.sqrt(weights.sum(axis=1, keepdims=True)), dtype=np.float32)


def mixing_matrix(graph: FlowMatrix) -> Floats32:
    """float32 (N, N): row j holds w(i, j) / sqrt(deg(i) deg(j)) for each edge i -> j, loops as in `looped`."""
    weights, scale = looped(graph)
    return np.asarray(weights * (scale * scale.T), dtype=np.float32)
