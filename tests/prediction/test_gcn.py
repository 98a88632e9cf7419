from __future__ import annotations

import numpy as np
from tests.conftest import missing
from tests.prediction.made import made_groups

from parcae.graphs.embed import HashedSubwords
from parcae.graphs.semantic import FlowMatrix, build_semantic
from parcae.prediction.evaluate import evaluate
from parcae.prediction.gcn import GcnSettings, gcn_from, mixing_matrix
from parcae.prediction.prefixes import Look

try:
    import torch

    from parcae.prediction.gcn_training import Batch, Network, data_of, train_gcn
except ImportError:
    missing("PyTorch with PyTorch Geometric (the `train` extra)")


def graphs() -> list[FlowMatrix]:
    embedder = HashedSubwords(16)
    made = [build_semantic(group.attempts, embedder, ("look",)).matrix() for group in made_groups(12)]
    return [*made, build_semantic([], embedder, ("look",)).matrix()]  # the last one is the dummy of an empty graph


def test_numpy_gives_what_pytorch_geometric_gives() -> None:
    torch.manual_seed(5)
    rows = graphs()
    network = Network(rows[0].nodes.shape[1], GcnSettings())
    network.eval()
    with torch.no_grad():
        for bias in (network.first.bias, network.second.bias):
            bias.normal_()
        theirs = network(Batch.from_data_list([data_of(row) for row in rows])).numpy()
    ours = network.in_numpy()
    assert np.abs(theirs - np.array([ours.logit(row) for row in rows])).max() < 1e-5
    again = gcn_from(ours.arrays())
    assert again.logit(rows[0]) == ours.logit(rows[0])


def test_a_node_gets_a_loop_unless_it_has_one() -> None:
    graph = FlowMatrix(
        nodes=np.eye(2, dtype=np.float32),
        sources=np.array([0, 0]),
        targets=np.array([0, 1]),
        weights=np.array([3, 2], dtype=np.float32),
    )
    assert np.allclose(mixing_matrix(graph), [[1, 0], [2 / 3, 1 / 3]])


def test_training_keeps_the_best_epoch_and_repeats_itself() -> None:
    rows, verdicts = graphs(), [bool(place % 2) for place in range(13)]
    told: list[tuple[int, int]] = []
    settings = GcnSettings(epochs=4, batch=4)

    def trained() -> float:
        network = train_gcn(
            rows, verdicts, [0, 1, 2], seed=3, settings=settings, progress=lambda done, all_: told.append((done, all_))
        )
        return network.logit(rows[0])

    assert trained() == trained()
    assert told[:4] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_gcn_is_compared_on_the_same_splits() -> None:
    found = evaluate(made_groups(40), Look(at=3), heads=("majority",), gcn=GcnSettings(epochs=2, hidden=4))
    assert {one.name for one in found.forecasters} == {"majority", "confidence", "rule", "gcn"}
    assert 0 <= found.named("gcn").auc <= 1
