"""The semantic flow graph: steps that mean the same share a node. Grown step by step, merged when read.

Source: Atropos (PAPERS section 1, "Semantic flow graph"). A step's vector is one-hot(tool) beside the embedding of its
arguments; it joins the cluster whose centre is most similar if the cosine is above `join`, else it opens one; the
centre is the mean of its members. On reading, pairs of centres with a cosine above `merge` become one, until none is
left. Where we differ: steps are taken in the order in which they come (live attempts interleave); fed attempt by
attempt it is the paper's order. Tools beyond the first `MOST_TOOLS` share the last place of the one-hot part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parcae.core.protocols import Embedder
from parcae.graphs.nodes import Call
from parcae.graphs.turns import Turn

MOST_TOOLS = 16
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowMatrix:
    """A graph as arrays: `nodes` float32 (N, D), the centres; `sources`, `targets` int64 (E,); `weights` float32 (E,).

    At least one node: an empty graph has one dummy node of zeros.
    """

    nodes: NDArray[np.float32]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]


@dataclass(slots=True, kw_only=True)
class SemanticGraph:
    """`tools` fixes the one-hot places, so that graphs of one data set agree. Adding a step costs O(nodes)."""

    embedder: Embedder
    tools: tuple[str, ...]
    join: float = 0.99
    merge: float = 0.99
    sums: Vector = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    directions: Vector = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    members: list[int] = field(default_factory=list)
    edges: Counter[tuple[int, int]] = field(default_factory=Counter)
    last: dict[int, int] = field(default_factory=dict)

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

    def add(self, attempt: int, turn: Turn) -> None:
        """Take in one more turn of attempt number `attempt`."""
        for call in turn.calls:
            node = self._cluster(self.vector(call))
            previous = self.last.get(attempt)
            if previous is not None:
                self.edges[(previous, node)] += 1
            self.last[attempt] = node

    def _cluster(self, vector: Vector) -> int:
        count = len(self.members)
        direction = vector / max(float(np.sqrt(vector @ vector)), 1e-12)
        if count:
            similar = self.directions[:count] @ direction
            best = int(similar.argmax())
            if similar[best] > self.join:
                self.members[best] += 1
                self.sums[best] += vector
                centre = self.sums[best]
                self.directions[best] = centre / max(float(np.sqrt(centre @ centre)), 1e-12)
                return best
        if count == len(self.sums):
            self._make_room(count)
        self.sums[count], self.directions[count] = vector, direction
        self.members.append(1)
        return count

    def _make_room(self, count: int) -> None:
        room = np.zeros((max(16, 2 * count), self.width), dtype=np.float32)
        wider = room.copy()
        if count:
            room[:count], wider[:count] = self.sums, self.directions
        self.sums, self.directions = room, wider

    def matrix(self) -> FlowMatrix:
        """The graph after the merge pass."""
        count = len(self.members)
        if not count:
            none = np.zeros(0, dtype=np.int64)
            nodes = np.zeros((1, self.width), dtype=np.float32)
            return FlowMatrix(nodes=nodes, sources=none, targets=none, weights=np.zeros(0, dtype=np.float32))
        place, centres = _merged(self.sums[:count], np.array(self.members, dtype=np.float32), self.merge)
        weights: Counter[tuple[int, int]] = Counter()
        for (source, target), weight in self.edges.items():
            weights[(place[source], place[target])] += weight
        ends = np.array(list(weights), dtype=np.int64).reshape(-1, 2)
        return FlowMatrix(
            nodes=centres,
            sources=ends[:, 0].copy(),
            targets=ends[:, 1].copy(),
            weights=np.array(list(weights.values()), dtype=np.float32),
        )


def _merged(sums: Vector, members: Vector, threshold: float) -> tuple[list[int], Vector]:
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
    order = {cluster: place for place, cluster in enumerate(alive)}
    return [order[int(cluster)] for cluster in owner], (sums[alive] / members[alive, None]).astype(np.float32)


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
