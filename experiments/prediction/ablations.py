"""What the graph network lives on: llama3, k = 5, the same folds, with parts of the graph taken away.

Each variant changes what a node is or what it carries; everything else is the paper's. One graph a task.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from experiments.prediction.recorded import recordings, write

from parcae.graphs.embed import HashedSubwords
from parcae.graphs.nodes import exact_node
from parcae.graphs.semantic import FlowMatrix, build_semantic
from parcae.graphs.turns import Turn
from parcae.prediction.calibrate import platt
from parcae.prediction.gcn import GcnSettings
from parcae.prediction.gcn_training import train_gcn
from parcae.prediction.metrics import accuracy, auc, bootstrap
from parcae.prediction.prefixes import FOLDS, Example, Look, examples_of, fold_of
from parcae.prediction.recordings import groups_of
from parcae.prediction.rows import vocabulary

ALMOST = 1 - 1e-6  # nothing but equal vectors meet
WORDS = HashedSubwords()


def graph(turns: tuple[tuple[Turn, ...], ...], tools: tuple[str, ...], variant: str) -> FlowMatrix:
    if variant == "without arguments":
        turns = tuple(tuple(replace(one, calls=bare(one)) for one in own) for own in turns)
    if variant == "exact nodes":
        turns = tuple(tuple(replace(one, calls=normal(one)) for one in own) for own in turns)
    join = {"exact nodes": ALMOST, "t1 = t2 = 0.8": 0.8}.get(variant, 0.99)
    made = build_semantic(turns, WORDS, tools, join=join, merge=join).matrix()
    if variant == "without embedding":
        made = replace(
            made, nodes=np.where(np.arange(made.nodes.shape[1]) <= len(tools), made.nodes, 0).astype(np.float32)
        )
    return made


def bare(turn: Turn):  # type: ignore[no-untyped-def]
    return tuple(replace(call, arguments="") for call in turn.calls)


def normal(turn: Turn):  # type: ignore[no-untyped-def]
    return tuple(replace(call, arguments=exact_node(call).argument) for call in turn.calls)


VARIANTS = ("as the paper", "without arguments", "without embedding", "exact nodes", "t1 = t2 = 0.8")


def forecasts(examples: list[Example], graphs: list[FlowMatrix], settings: GcnSettings) -> np.ndarray:  # type: ignore[type-arg]
    failed = np.array([example.failed for example in examples])
    folds = np.array([fold_of(example.task_id) for example in examples])
    p_fail = np.zeros(len(examples))
    for fold in range(FOLDS):
        train = np.flatnonzero(folds != fold)
        watched = [place for place, at in enumerate(train) if folds[at] == (fold + 1) % FOLDS]
        network = train_gcn([graphs[at] for at in train], list(failed[train]), watched, seed=1, settings=settings)
        unseen = np.array([network.score(graphs[train[place]]) for place in watched])
        curve = platt(failed[train[watched]], unseen)
        inside = np.flatnonzero(folds == fold)
        p_fail[inside] = curve.each(np.array([network.score(graphs[at]) for at in inside]))
    return p_fail


def main() -> None:
    groups = groups_of(recordings("llama3"), "llama3", most=1)
    tools, examples = vocabulary(groups), examples_of(groups, [Look(at=5)])
    failed = np.array([example.failed for example in examples])
    document = {}
    for variant in sys.argv[1:] or VARIANTS:
        graphs = [graph(example.prefix.attempts, tools, variant) for example in examples]
        p_fail = forecasts(examples, graphs, GcnSettings())
        low, high = bootstrap(auc, failed, p_fail, seed=1)
        document[variant] = {"accuracy": accuracy(failed, p_fail), "auc": auc(failed, p_fail), "low": low, "high": high}
        nodes = np.mean([len(one.nodes) for one in graphs])
        print(f"{variant}: accuracy {document[variant]['accuracy']:.3f}, AUC {document[variant]['auc']:.3f} "
              f"[{low:.3f}, {high:.3f}], {nodes:.1f} nodes a graph", flush=True)  # fmt: skip
        write("prediction_ablations", document)


if __name__ == "__main__":
    main()
