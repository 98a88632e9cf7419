from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from tests.graphs.turning import call, groups, interleaved

from parcae.graphs.embed import HashedSubwords
from parcae.graphs.nodes import exact_node
from parcae.graphs.semantic import FlowMatrix, SemanticGraph, build_semantic
from parcae.graphs.turns import Turn

TOOLS = ("list", "look", "read")
Group = list[tuple[Turn, ...]]


def plain(
    arrivals: Sequence[tuple[int, Turn]], join: float, merge: float
) -> tuple[list[np.ndarray], Counter[tuple[int, int]]]:  # type: ignore[type-arg]
    """The definition, step by step in the order of arrival, with nothing kept between steps."""
    graph = SemanticGraph(embedder=HashedSubwords(32), tools=TOOLS)
    clusters: list[list[np.ndarray]] = []  # type: ignore[type-arg]
    paths: dict[int, list[int]] = {}
    for attempt, turn in arrivals:
        for one in turn.calls:
            vector = graph.vector(one)
            cosines = [cosine(vector, np.mean(members, axis=0)) for members in clusters]
            if cosines and max(cosines) > join:
                best = int(np.argmax(cosines))
                clusters[best].append(vector)
            else:
                best = len(clusters)
                clusters.append([vector])
            paths.setdefault(attempt, []).append(best)
    names = list(range(len(clusters)))
    while True:
        alive = sorted(set(names))
        pairs = [
            (cosine(np.mean(clusters[a], axis=0), np.mean(clusters[b], axis=0)), -a, -b)
            for a in alive
            for b in alive
            if a < b
        ]
        if not pairs or max(pairs)[0] <= merge:
            break
        _, a, b = max(pairs)
        clusters[-a] += clusters[-b]
        names = [-a if name == -b else name for name in names]
    order = {name: place for place, name in enumerate(sorted(set(names)))}
    edges: Counter[tuple[int, int]] = Counter()
    for path in paths.values():
        for one, other in pairwise(path):
            edges[(order[names[one]], order[names[other]])] += 1
    return [np.mean(clusters[name], axis=0) for name in sorted(set(names))], edges


def cosine(one: np.ndarray, other: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(one @ other / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-12))


@pytest.mark.parametrize(("join", "merge"), [(0.99, 0.99), (0.8, 0.7)])
@given(group=groups)
def test_the_graph_is_the_one_of_the_definition(group: Group, join: float, merge: float) -> None:
    matrix = build_semantic(group, HashedSubwords(32), TOOLS, join=join, merge=merge).matrix()
    compare(matrix, [(number, turn) for number, attempt in enumerate(group) for turn in attempt], join, merge)


def compare(matrix: FlowMatrix, arrivals: Sequence[tuple[int, Turn]], join: float, merge: float) -> None:
    centres, edges = plain(arrivals, join, merge)
    if not centres:
        assert matrix.nodes.shape == (1, 36) and not matrix.nodes.any()
        return
    assert np.allclose(matrix.nodes, np.array(centres), atol=1e-5)
    got = zip(matrix.sources.tolist(), matrix.targets.tolist(), matrix.weights.tolist(), strict=True)
    assert {(a, b): w for a, b, w in got} == dict(edges)


@pytest.mark.parametrize(("join", "merge"), [(0.99, 0.99), (0.8, 0.7)])
@given(made=interleaved())
def test_growing_live_equals_building_anew(
    made: tuple[Group, list[tuple[int, Turn]]], join: float, merge: float
) -> None:
    """Read after every turn it is the graph that the definition makes of what has arrived by then."""
    group, arrivals = made
    live = SemanticGraph(embedder=HashedSubwords(32), tools=TOOLS, join=join, merge=merge)
    for count, (number, turn) in enumerate(arrivals, start=1):
        live.add(number, turn)
        compare(live.matrix(), arrivals[:count], join, merge)
    steps = [one for attempt in group for turn in attempt for one in turn.calls]
    assert live.matrix().weights.sum() == sum(max(0, sum(len(turn.calls) for turn in attempt) - 1) for attempt in group)
    if steps and merge == 0.99:  # only equal calls meet: the nodes are the exact ones, in any order of steps
        assert len(live.matrix().nodes) == len({exact_node(one) for one in steps})


def test_tools_beyond_the_vocabulary_share_a_place() -> None:
    graph = SemanticGraph(embedder=HashedSubwords(8), tools=TOOLS)
    assert graph.width == 12
    assert graph.vector(call("fly", "a"))[:4].tolist() == [0, 0, 0, 1]


def test_hashed_vectors_have_length_one_and_near_spellings_are_near() -> None:
    vectors = HashedSubwords(128).embed(["NumberUtils.createNumber", "numberutils.createnumbers", "Foo.bar", ""])
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0], atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.8 > 0.4 > vectors[0] @ vectors[2]
