"""The semantic flow graph: steps that mean the same share a node. Grown step by step, merged when read.

Source: Atropos (PAPERS section 1, "Semantic flow graph"). A step's vector is one-hot(tool) beside the embedding of its
arguments; it joins the cluster whose centre is most similar if the cosine is above `join`, else it opens one; the
centre is the mean of its members. On reading, pairs of centres with a cosine above `merge` become one, until none is
left. Where we differ: steps are taken in the order in which they come (live attempts interleave); fed attempt by
attempt it is the paper's order. Tools beyond the first `MOST_TOOLS` share the last place of the one-hot part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parcae.core.protocols import Embedder
from parcae.graphs.nodes import Call
from parcae.graphs.turns import Turn

MOST_TOOLS = 16
ROUNDING = 1e-6  # centres this close to the threshold are looked at again by the merge pass, which alone decides
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowMatrix:
    """A graph as arrays: `nodes` float32 (N, D), the centres; `sources`, `targets` int64 (E,); `weights` float32 (E,).

    At least one node: an empty graph has one dummy node of zeros. An edge stands there once.
    """

    nodes: NDArray[np.float32]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]


@dataclass(slots=True)
class _Edges:
    """Edges in the order of their first step, each once, in arrays that grow."""

    places: dict[tuple[int, int], int] = field(default_factory=dict)
    ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 16), dtype=np.int64))
    weights: Vector = field(default_factory=lambda: np.zeros(16, dtype=np.float32))

    def add(self, source: int, target: int) -> None:
        """One more transition."""
        count = len(self.places)
        place = self.places.setdefault((source, target), count)
        if place == len(self.weights):
            self.ends = np.concatenate([self.ends, np.zeros_like(self.ends)], axis=1)
            self.weights = np.concatenate([self.weights, np.zeros_like(self.weights)])
        if place == count:
            self.ends[0, place], self.ends[1, place] = source, target
        self.weights[place] += 1


@dataclass(slots=True, kw_only=True)
class SemanticGraph:
    """`tools` fixes the one-hot places, so that graphs of one data set agree. Adding a step costs O(nodes).

    `close` holds the pairs of clusters that a merge pass would look at: while there are none, reading costs a copy.
    """

    embedder: Embedder
    tools: tuple[str, ...]
    join: float = 0.99
    merge: float = 0.99
    count: int = 0
    sums: Vector = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    directions: Vector = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    members: Vector = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    edges: _Edges = field(default_factory=_Edges)
    last: dict[int, int] = field(default_factory=dict)
    close: set[tuple[int, int]] = field(default_factory=set)

    @property
    def width(self) -> int:
        """Length of a node's vector."""
        return min(len(self.tools), MOST_TOOLS) + 1 + self.embedder.dimensions

    def vector(self, call: Call) -> Vector:
        """The step vector: one-hot(tool), one place for unknown tools, then the embedding of the arguments."""
        places = min(len(self.tools), MOST_TOOLS)
        vector = np.zeros(self.width, dtype=np.float32)
        place = self.tools.index(call.tool) if call.tool in self.tools else places
        vector[min(place, places)] = 1.0
        vector[places + 1 :] = self.embedder.embed([call.arguments])[0]
        return vector

    def add(self, attempt: int, turn: Turn) -> list[int]:
        """Take in one more turn of attempt number `attempt`; the clusters that its calls joined or opened."""
        joined = []
        for call in turn.calls:
            cluster = self._cluster(self.vector(call))
            previous = self.last.get(attempt)
            if previous is not None:
                self.edges.add(previous, cluster)
            self.last[attempt] = cluster
            joined.append(cluster)
        return joined

    def _cluster(self, vector: Vector) -> int:
        count = self.count
        direction = vector / max(float(np.sqrt(vector @ vector)), 1e-12)
        if count:
            similar = self.directions[:count] @ direction
            best = int(similar.argmax())
            if similar[best] > self.join:
                self.members[best] += 1
                self.sums[best] += vector
                centre = self.sums[best]
                self.directions[best] = centre / max(float(np.sqrt(centre @ centre)), 1e-12)
                self._compare(best)
                return best
        if count == len(self.sums):
            self._make_room(count)
        self.sums[count], self.directions[count], self.members[count] = vector, direction, 1
        self.count += 1
        self._compare(count)
        return count

    def _compare(self, cluster: int) -> None:
        """Note which centres are close to the one of `cluster`, which has moved."""
        if self.close:
            self.close = {pair for pair in self.close if cluster not in pair}
        similar = self.directions[: self.count] @ self.directions[cluster]
        similar[cluster] = -1
        if similar.max() > self.merge - ROUNDING:
            near = np.flatnonzero(similar > self.merge - ROUNDING).tolist()
            self.close |= {(min(other, cluster), max(other, cluster)) for other in near}

    def _make_room(self, count: int) -> None:
        room = max(16, 2 * count)
        sums, directions = (np.zeros((room, self.width), dtype=np.float32) for _ in range(2))
        members = np.zeros(room, dtype=np.float32)
        if count:
            sums[:count], directions[:count], members[:count] = self.sums, self.directions, self.members
        self.sums, self.directions, self.members = sums, directions, members

    def matrix(self) -> FlowMatrix:
        """The graph after the merge pass."""
        edges, count = self.edges, len(self.edges.places)
        (sources, targets), weights = edges.ends[:, :count], edges.weights[:count]
        sums, members = self.sums[: self.count], self.members[: self.count]
        if not self.close:
            nodes = sums / members[:, None] if self.count else np.zeros((1, self.width), dtype=np.float32)
            return FlowMatrix(nodes=nodes, sources=sources.copy(), targets=targets.copy(), weights=weights.copy())
        place, nodes = _merged(sums, members, self.merge)
        pairs, which = np.unique(place[sources] * len(nodes) + place[targets], return_inverse=True)
        total = np.bincount(which, weights=weights, minlength=len(pairs)).astype(np.float32)
        return FlowMatrix(nodes=nodes, sources=pairs // len(nodes), targets=pairs % len(nodes), weights=total)


def _merged(sums: Vector, members: Vector, threshold: float) -> tuple[NDArray[np.int64], Vector]:
    """Where each cluster went, and the centres that are left, in the order of their first cluster."""
    owner = np.arange(len(sums))
    sums, members = sums.copy(), members.copy()
    alive = list(range(len(sums)))
    while len(alive) > 1:
        centres = sums[alive]
        lengths = np.sqrt((centres * centres).sum(axis=1, keepdims=True))
        similar = np.triu((centres / np.maximum(lengths, 1e-12)) @ (centres / np.maximum(lengths, 1e-12)).T, 1)
        row, column = divmod(int(similar.argmax()), len(alive))
        if similar[row, column] <= threshold:
            break
        kept, gone = alive[row], alive[column]
        sums[kept] += sums[gone]
        members[kept] += members[gone]
        owner[owner == gone] = kept
        alive.remove(gone)
    return np.searchsorted(alive, owner).astype(np.int64), (sums[alive] / members[alive, None]).astype(np.float32)


def build_semantic(
    attempts: Sequence[Sequence[Turn]],
    embedder: Embedder,
    tools: tuple[str, ...],
    *,
    join: float = 0.99,
    merge: float = 0.99,
) -> SemanticGraph:
    """The graph of `attempts`, attempt by attempt: the paper's order. Give it prefixes, never cut its result."""
    graph = SemanticGraph(embedder=embedder, tools=tools, join=join, merge=merge)
    for number, turns in enumerate(attempts):
        for turn in turns:
            graph.add(number, turn)
    return graph
