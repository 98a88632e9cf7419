"""The last part of a fitted forecaster: from features to a score in [0, 1], in numpy alone.

Each head is arrays and one formula. `arrays` and `from_arrays` are how they enter and leave a file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from parcae.prediction.metrics import Floats

Arrays = Mapping[str, NDArray[np.generic]]


class Head(Protocol):
    """Scores one row of features."""

    def score(self, row: Floats) -> float:
        """How likely failure looks, in [0, 1]."""
        ...

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All that it is made of."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """The same score for every row: the share of failures."""

    share: float

    def score(self, row: Floats) -> float:
        """The share."""
        return self.share

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """One number."""
        return {"share": np.array(self.share)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """1 / (1 + exp(-(w . x + b))). Standardisation is folded into `weights` and `bias`."""

    weights: Floats
    bias: float

    def score(self, row: Floats) -> float:
        """The logistic of a weighted sum."""
        return _sigmoid(float(self.weights @ row) + self.bias)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Weights and bias."""
        return {"weights": self.weights, "bias": np.array(self.bias)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Binary trees side by side. A row goes left in node n if row[feature[n]] <= threshold[n]; a leaf leads to itself.

    The score is the mean of the leaves' values, or (`boosted`) the logistic of `bias` plus their sum.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats
    depth: int
    bias: float
    boosted: bool

    def score(self, row: Floats) -> float:
        """All trees are walked level by level."""
        nodes = self.roots
        for _ in range(self.depth):
            goes_left = row[self.feature[nodes]] <= self.threshold[nodes]
            nodes = np.where(goes_left, self.left[nodes], self.right[nodes])
        leaves = self.value[nodes]
        return _sigmoid(self.bias + float(leaves.sum())) if self.boosted else float(leaves.mean())

    def scores(self, rows: Floats) -> Floats:
        """The same for many rows, (n, d) -> (n,)."""
        nodes = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        at = np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            goes_left = rows[at, self.feature[nodes]] <= self.threshold[nodes]
            nodes = np.where(goes_left, self.left[nodes], self.right[nodes])
        leaves = self.value[nodes]
        if not self.boosted:
            return np.asarray(leaves.mean(axis=1))
        return np.asarray(1 / (1 + np.exp(-np.clip(self.bias + leaves.sum(axis=1), -700, 700))))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Nodes of all trees, end to end."""
        return {
            "roots": self.roots,
            "feature": self.feature,
            "threshold": self.threshold,
            "left": self.left,
            "right": self.right,
            "value": self.value,
            "shape": np.array([self.depth, self.bias, float(self.boosted)]),
        }


def trees_from(arrays: Arrays) -> Trees:
    """The trees made of `arrays`; KeyError or ValueError if they do not fit."""
    depth, bias, boosted = (float(value) for value in np.asarray(arrays["shape"], dtype=np.float64))
    return Trees(
        roots=np.asarray(arrays["roots"], dtype=np.int32),
        feature=np.asarray(arrays["feature"], dtype=np.int32),
        threshold=np.asarray(arrays["threshold"], dtype=np.float64),
        left=np.asarray(arrays["left"], dtype=np.int32),
        right=np.asarray(arrays["right"], dtype=np.int32),
        value=np.asarray(arrays["value"], dtype=np.float64),
        depth=int(depth),
        bias=bias,
        boosted=bool(boosted),
    )


def grown(trees: Sequence[Mapping[str, NDArray[np.generic]]], *, bias: float, boosted: bool, depth: int) -> Trees:
    """Trees laid end to end; each has `feature` (negative at a leaf), `threshold`, `left`, `right` and `value`."""
    starts = np.cumsum([0, *(len(tree["feature"]) for tree in trees)])
    parts: dict[str, list[NDArray[np.generic]]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "value")
    }
    for start, tree in zip(starts, trees, strict=False):
        own = np.arange(len(tree["feature"])) + start
        leaf = np.asarray(tree["feature"]) < 0
        parts["feature"].append(np.where(leaf, 0, tree["feature"]))
        parts["threshold"].append(np.asarray(tree["threshold"]))
        parts["left"].append(np.where(leaf, own, np.asarray(tree["left"]) + start))
        parts["right"].append(np.where(leaf, own, np.asarray(tree["right"]) + start))
        parts["value"].append(np.asarray(tree["value"]))
    return Trees(
        roots=starts[:-1].astype(np.int32),
        feature=np.concatenate(parts["feature"]).astype(np.int32),
        threshold=np.concatenate(parts["threshold"]).astype(np.float64),
        left=np.concatenate(parts["left"]).astype(np.int32),
        right=np.concatenate(parts["right"]).astype(np.int32),
        value=np.concatenate(parts["value"]).astype(np.float64),
        depth=depth,
        bias=bias,
        boosted=boosted,
    )


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
