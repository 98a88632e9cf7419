from __future__ import annotations

import dataclasses
import importlib.util
import random

import numpy as np
import pytest
from tests.conftest import missing
from tests.prediction.made import made_groups

from parcae.graphs.embed import HashedSubwords
from parcae.graphs.nodes import Call
from parcae.graphs.semantic import FlowMatrix, SemanticGraph, build_semantic
from parcae.graphs.turns import Turn
from parcae.prediction.evaluate import LEAKING, NO_FIGURE, evaluate
from parcae.prediction.gcn import Gcn, GcnSettings, gcn_from, mixing_matrix
from parcae.prediction.gcn_watch import GcnWatch
from parcae.prediction.metrics import auc
from parcae.prediction.prefixes import Look, fold_of

try:
    import torch

    from parcae.prediction.gcn_training import (
        Batch,
        Network,
        data_of,
        leaking_scores,
        normalized,
        run_epoch,
        train_gcn,
    )
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


def steps(seed: int, count: int, *, places: int, hub: bool = False) -> list[tuple[int, Turn]]:
    """Steps of three attempts; with a `hub` every second step is the same call, whatever came before."""
    rng = np.random.default_rng(seed)
    names = [f"name{rng.integers(places)}" for _ in range(count)]
    calls = [Call(tool="look", arguments="hub" if hub and place % 2 else name) for place, name in enumerate(names)]
    return [(int(rng.integers(3)) if not hub else 0, Turn(calls=(call,))) for call in calls]


@pytest.mark.parametrize("merge", [0.99, 0.6])  # at .6 reading merges clusters again and again
@pytest.mark.parametrize(("places", "hub"), [(4, False), (60, False), (60, True)])
def test_a_growing_graph_is_scored_as_pytorch_geometric_scores_it_built_anew(
    merge: float, places: int, hub: bool
) -> None:
    torch.manual_seed(5)
    embedder = HashedSubwords(16)
    network = Network(SemanticGraph(embedder=embedder, tools=("look",)).width, GcnSettings())
    network.eval()
    with torch.no_grad():
        for bias in (network.first.bias, network.second.bias):
            bias.normal_()
    gcn = network.in_numpy()
    watch = GcnWatch(gcn=gcn, graph=SemanticGraph(embedder=embedder, tools=("look",), merge=merge))
    assert watch.score() == gcn.score(watch.graph.matrix())  # the dummy of an empty graph
    for place, (attempt, turn) in enumerate(steps(1, 90, places=places, hub=hub)):
        watch.add(attempt, turn)
        if place % 3:  # some forecasts follow one step, some several
            anew = SemanticGraph(embedder=embedder, tools=("look",), merge=merge)
            for number, earlier in steps(1, 90, places=places, hub=hub)[: place + 1]:
                anew.add(number, earlier)
            with torch.no_grad():
                theirs = float(torch.sigmoid(network(Batch.from_data_list([data_of(anew.matrix())]))))
            assert abs(watch.score() - theirs) < 1e-5


def test_a_node_gets_a_loop_unless_it_has_one() -> None:
    graph = FlowMatrix(
        nodes=np.eye(2, dtype=np.float32),
        sources=np.array([0, 0]),
        targets=np.array([0, 1]),
        weights=np.array([3, 2], dtype=np.float32),
    )
    assert np.allclose(mixing_matrix(graph), [[1, 0], [2 / 3, 1 / 3]])


def test_training_keeps_the_best_epoch_and_repeats_itself() -> None:
    """As many epochs as before and one more, each time anew: the network is that of the best of them, and stays it."""
    rows, verdicts = graphs(), [bool(place % 2) for place in range(13)]
    told: list[tuple[int, int]] = []
    settings, watched = GcnSettings(epochs=12, batch=4, rate=0.05), [0, 1, 2]

    def trained() -> Gcn:
        return train_gcn(
            rows, verdicts, watched, seed=3, settings=settings, progress=lambda done, all_: told.append((done, all_))
        )

    torch.manual_seed(3)
    network = Network(rows[0].nodes.shape[1], settings, normalize=False)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate)
    prepared = [normalized(row, verdict) for row, verdict in zip(rows, verdicts, strict=True)]
    losses, states = [], []
    for _ in range(settings.epochs):
        run_epoch(network, optimiser, prepared[3:], settings)
        said = np.array([network.in_numpy().score(rows[at]) for at in watched])
        losses.append(-np.mean(np.log(np.where([verdicts[at] for at in watched], said, 1 - said))))
        states.append([network.in_numpy().logit(row) for row in rows])
    best = int(np.argmin(losses))
    assert 0 < best < settings.epochs - 1  # neither the first nor the last epoch would do
    assert [trained().logit(row) for row in rows] == pytest.approx(states[best], abs=1e-6)
    assert states[best] != pytest.approx(states[-1], abs=1e-3)
    assert trained().logit(rows[0]) == trained().logit(rows[0])
    assert told[:2] == [(1, 12), (2, 12)] and told[11] == (12, 12)


def test_shuffled_labels_bring_the_area_of_the_network_to_one_half() -> None:
    groups = made_groups(60)
    verdicts = [group.failed for group in groups]
    random.Random(1).shuffle(verdicts)
    shuffled = [dataclasses.replace(group, failed=one) for group, one in zip(groups, verdicts, strict=True)]
    quick = GcnSettings(epochs=40, hidden=8, rate=0.02, dropout=0.0)  # enough to know by heart what it is trained on
    found = evaluate(shuffled, Look(), heads=("majority",), gcn=quick)
    assert abs(found.named("gcn").auc - 0.5) < 3 * np.sqrt(61 / (12 * 30 * 30))


def test_the_gcn_is_compared_on_the_same_splits() -> None:
    found = evaluate(made_groups(40), Look(at=3), heads=("majority",), gcn=GcnSettings(epochs=2, hidden=4))
    assert {one.name for one in found.forecasters} == {"majority", "confidence", "rule", "gcn"}
    assert 0 <= found.named("gcn").auc <= 1


def test_a_fold_without_tasks_is_passed_over() -> None:
    groups = [one for one in made_groups(50) if fold_of(one.task_id) != 2]
    found = evaluate(groups, Look(at=3), heads=("majority",), gcn=GcnSettings(epochs=2, hidden=4))
    assert len(found.tasks) == len(groups) and not np.isnan(found.p_fail["gcn"]).any()


def test_the_authors_protocol_is_a_row_of_its_own_that_says_that_it_leaks() -> None:
    quick = GcnSettings(epochs=2, hidden=4)
    plain = evaluate(made_groups(40), Look(at=3), heads=("majority",), gcn=quick)
    found = evaluate(made_groups(40), Look(at=3), heads=("majority",), gcn=quick, paper_compatible=True)
    leaking = [one for one in found.forecasters if "leaks" in one.name]
    assert [one.name for one in leaking] == [LEAKING] and leaking[0].settings == (NO_FIGURE,)
    assert {one.name for one in found.forecasters} == {one.name for one in plain.forecasters} | {LEAKING}
    assert found.named("gcn") == plain.named("gcn")  # the honest rows do not change


def test_the_authors_protocol_reads_texts_as_the_network_beside_it_does() -> None:
    if importlib.util.find_spec("gensim") is None:
        missing("gensim (the `text` extra)")
    said = [
        evaluate(
            made_groups(40), Look(at=3), heads=("majority",), gcn=GcnSettings(epochs=2, hidden=4), embedder=embedder,
            paper_compatible=True,
        ).p_fail[LEAKING]
        for embedder in ("hashed", "fasttext")
    ]  # fmt: skip
    assert not np.array_equal(*said)


def test_the_authors_protocol_tells_tasks_apart_that_nothing_tells_apart_but_their_names() -> None:
    """What leaks shows where there is nothing to learn: a network that saw its test tasks remembers their verdicts."""
    rng, words = np.random.default_rng(1), HashedSubwords(64)
    graphs = [
        FlowMatrix(
            nodes=words.embed([f"task{place}"]),
            sources=np.array([0]),
            targets=np.array([0]),
            weights=np.ones(1, dtype=np.float32),
        )
        for place in range(60)
    ]
    failed = [bool(verdict) for verdict in rng.random(60) < 0.5]
    folds, settings = [place % 3 for place in range(60)], GcnSettings(epochs=80, rate=0.02, dropout=0.0)
    leaking = np.array(leaking_scores(graphs, failed, folds, seed=1, settings=settings))
    clean = np.zeros(60)
    for fold in range(3):
        train = [place for place in range(60) if folds[place] != fold]
        network = train_gcn(
            [graphs[at] for at in train], [failed[at] for at in train], range(8), seed=1, settings=settings
        )
        for place in (at for at in range(60) if folds[at] == fold):
            clean[place] = network.score(graphs[place])
    assert auc(np.array(failed), leaking) > 0.7 > auc(np.array(failed), clean)
