"""The GCN beside a graph that grows: a step makes anew what it changed, not what the history holds.

A step changes one node's centre and the edge into it. That reaches, in the first layer, the node and its successors,
in the second these and theirs. Rows of all other nodes are kept, and so are their parts of the mean. Equal, but for
rounding, to the network on the graph built anew.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parcae.graphs.semantic import SemanticGraph
from parcae.graphs.turns import Turn
from parcae.prediction.gcn import Floats32, Gcn, likelihood

Ints = NDArray[np.intp]
MOST_SLOTS = 24  # a node that more different nodes lead to makes padding dearer than the matrix product
FIRST_ROOM, FIRST_SLOTS = 16, 4


@dataclass(slots=True, kw_only=True)
class GcnWatch:
    """`gcn` on `graph`, which nobody else may grow.

    For R nodes of room and K slots: `sources` (R, K) holds the nodes that lead to a node, itself in slot 0, `weights`
    (R, K) how often (0: the slot is free), `degree` (R,) their sum, `factors` (R, K) w(i, j) / sqrt(deg(i) deg(j)).
    `projected` (R, H): centres times the first layer's weights; `hidden` (R, H): the first layer's output times the
    second's; `parts` (R,): what a node adds to the mean.
    """

    gcn: Gcn
    graph: SemanticGraph
    successors: list[list[int]] = field(default_factory=list)
    slots: dict[tuple[int, int], int] = field(default_factory=dict)
    used: list[int] = field(default_factory=list)
    sources: Ints = field(init=False)
    weights: Floats32 = field(init=False)
    degree: Floats32 = field(init=False)
    factors: Floats32 = field(init=False)
    projected: Floats32 = field(init=False)
    hidden: Floats32 = field(init=False)
    parts: Floats32 = field(init=False)
    changed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        width = len(self.gcn.first_bias)
        self.sources = np.zeros((FIRST_ROOM, FIRST_SLOTS), dtype=np.intp)
        self.weights = np.zeros((FIRST_ROOM, FIRST_SLOTS), dtype=np.float32)
        self.factors = np.zeros_like(self.weights)
        self.degree = np.zeros(FIRST_ROOM, dtype=np.float32)
        self.projected = np.zeros((FIRST_ROOM, width), dtype=np.float32)
        self.hidden = np.zeros((FIRST_ROOM, width), dtype=np.float32)
        self.parts = np.zeros(FIRST_ROOM, dtype=np.float32)

    def add(self, attempt: int, turn: Turn) -> None:
        """Take in one more turn of attempt number `attempt`."""
        before = self.graph.last.get(attempt)
        for node in self.graph.add(attempt, turn):
            if node == len(self.used):
                self._open(node)
            if before is not None:
                self._lead(before, node)
            self.changed.add(node)
            before = node

    def score(self) -> float:
        """How likely failure looks, in [0, 1], given all that was added."""
        count = self.graph.count
        if not count or self.graph.close or self.weights.shape[1] > MOST_SLOTS:
            return self.gcn.score(self.graph.matrix())
        if self.changed:
            self._renew()
        return likelihood(float(np.add.reduce(self.parts[:count])) / count + float(self.gcn.last_bias))

    def _renew(self) -> None:
        """Follow the changes through both layers."""
        gcn, graph = self.gcn, self.graph
        moved = _array(self.changed)
        self.projected[moved] = (graph.sums.take(moved, axis=0) @ gcn.first) / graph.members.take(moved)[:, None]
        first = self._reached(self.changed)
        nodes = _array(first)
        sources = self.sources.take(nodes, axis=0)
        degrees = self.degree.take(sources)
        degrees *= self.degree.take(nodes)[:, None]
        factors: Floats32 = self.weights.take(nodes, axis=0)
        factors /= np.sqrt(degrees, out=degrees)
        self.factors[nodes] = factors
        self.hidden[nodes] = _mixed(self.projected, sources, factors, gcn.first_bias) @ gcn.second
        nodes = _array(self._reached(first))
        sources, factors = self.sources.take(nodes, axis=0), self.factors.take(nodes, axis=0)
        self.parts[nodes] = _mixed(self.hidden, sources, factors, gcn.second_bias) @ gcn.last
        self.changed.clear()

    def _reached(self, nodes: set[int]) -> set[int]:
        """`nodes` and their successors."""
        return nodes.union(*[self.successors[node] for node in nodes])

    def _open(self, node: int) -> None:
        """A new node: it has a loop of weight 1."""
        if node == len(self.degree):
            for name in ("sources", "weights", "factors", "degree", "projected", "hidden", "parts"):
                held = getattr(self, name)
                setattr(self, name, np.concatenate([held, np.zeros_like(held)]))
        self.successors.append([])
        self.used.append(1)
        self.sources[node, 0], self.weights[node, 0], self.degree[node] = node, 1, 1

    def _lead(self, source: int, target: int) -> None:
        """One more transition. The first one from a node to itself stands for the loop that the node has already."""
        slot = self.slots.get((source, target))
        if slot is None:
            if source == target:
                self.slots[source, target] = 0
                return
            slot = self.slots[source, target] = self.used[target]
            self.used[target] += 1
            if slot == self.weights.shape[1]:
                self.sources, self.weights, self.factors = (
                    np.concatenate([held, np.zeros_like(held)], axis=1)
                    for held in (self.sources, self.weights, self.factors)
                )
            self.sources[target, slot] = source
            self.successors[source].append(target)
        self.weights[target, slot] += 1
        self.degree[target] += 1


def _mixed(rows: Floats32, sources: Ints, factors: Floats32, bias: Floats32) -> Floats32:
    """relu(sum over k of factors[j, k] rows[sources[j, k]] + bias) for each j, (n, H)."""
    mixed = (factors[:, None, :] @ rows.take(sources, axis=0))[:, 0]
    mixed += bias
    return np.asarray(np.maximum(mixed, 0, out=mixed))


def _array(nodes: Collection[int]) -> Ints:
    return np.fromiter(nodes, dtype=np.intp, count=len(nodes))
