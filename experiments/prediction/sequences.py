"""An LSTM over step vectors beside the graph network, and FastText beside hashed sub-words: llama3, k = 5, folds 1-4.

Each of the folds 1-4 is tested by a network that never saw it; the next of them chooses the epoch and the calibration;
the other two train. The held-out fold is neither trained on nor tested. The LSTM has the graph network's settings. It
reads each attempt on its own (the mean of their last states is classified) or all of them end to end. FastText vectors
are trained for each fold on the arguments of the calls of the tasks that train.

Repeat: python -m experiments.prediction.sequences [NAME ...]
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from experiments.prediction.recorded import INNER, inner, recordings, write
from torch.nn.utils.rnn import pack_sequence

from parcae.core.protocols import Embedder
from parcae.graphs.embed import HashedSubwords
from parcae.graphs.embed_fasttext import train_fasttext
from parcae.graphs.semantic import SemanticGraph
from parcae.prediction.calibrate import platt
from parcae.prediction.gcn import GcnSettings
from parcae.prediction.gcn_training import train_gcn
from parcae.prediction.metrics import Floats, accuracy, auc, bootstrap, brier
from parcae.prediction.prefixes import Example, Look, examples_of, fold_of
from parcae.prediction.recordings import groups_of
from parcae.prediction.rows import graphs_of, vocabulary

SETTINGS = GcnSettings()
Score = Callable[[Sequence[Example]], Floats]
Trainer = Callable[[Sequence[Example], Sequence[int], Embedder, tuple[str, ...]], Score]


class Reader(torch.nn.Module):
    """One LSTM layer, dropout, linear."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(width, SETTINGS.hidden, batch_first=True)
        self.last = torch.nn.Linear(SETTINGS.hidden, 1)

    def forward(self, batch: Sequence[Sequence[torch.Tensor]]) -> torch.Tensor:
        flat = [sequence for task in batch for sequence in task]
        _, (state, _) = self.lstm(pack_sequence(flat, enforce_sorted=False))
        owner = torch.tensor([place for place, task in enumerate(batch) for _ in task])
        total = torch.zeros(len(batch), SETTINGS.hidden).index_add(0, owner, state[0])
        mean = total / torch.tensor([[float(len(task))] for task in batch])
        mean = torch.nn.functional.dropout(mean, p=SETTINGS.dropout, training=self.training)
        return torch.as_tensor(self.last(mean).squeeze(-1))


def sequences(example: Example, graph: SemanticGraph, apart: bool) -> list[torch.Tensor]:
    """(steps, width) for each attempt, or for all of them end to end; a task without steps has one step of zeros."""
    attempts = [
        np.array([graph.vector(call) for turn in turns for call in turn.calls]).reshape(-1, graph.width)
        for turns in example.prefix.attempts
    ]
    kept = [rows for rows in attempts if len(rows)] or [np.zeros((1, graph.width))]
    return [torch.from_numpy(rows).float() for rows in (kept if apart else [np.concatenate(kept)])]


def lstm(apart: bool) -> Trainer:
    def train(examples: Sequence[Example], watched: Sequence[int], embedder: Embedder, tools: tuple[str, ...]) -> Score:
        torch.manual_seed(1)
        torch.set_num_threads(1)
        graph = SemanticGraph(embedder=embedder, tools=tools)
        rows = [sequences(example, graph, apart) for example in examples]
        failed = torch.tensor([float(example.failed) for example in examples])
        held = set(watched)
        network = fitted(Reader(graph.width), rows, failed, [at for at in range(len(rows)) if at not in held], watched)

        def score(asked: Sequence[Example]) -> Floats:
            with torch.no_grad():
                return torch.sigmoid(network([sequences(one, graph, apart) for one in asked])).double().numpy()

        return score

    return train


def fitted(network: Reader, rows: Any, failed: torch.Tensor, train: Sequence[int], watched: Sequence[int]) -> Reader:
    """`network` as it stood after the epoch with the least loss on `watched`."""
    optimiser = torch.optim.Adam(network.parameters(), lr=SETTINGS.rate)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    best, least = copy.deepcopy(network.state_dict()), float("inf")
    for _ in range(SETTINGS.epochs):
        network.train()
        order = [train[at] for at in torch.randperm(len(train)).tolist()]
        for start in range(0, len(order), SETTINGS.batch):
            batch = order[start : start + SETTINGS.batch]
            optimiser.zero_grad()
            loss(network([rows[at] for at in batch]), failed[batch]).backward()
            optimiser.step()
        network.eval()
        with torch.no_grad():
            found = float(loss(network([rows[at] for at in watched]), failed[list(watched)]))
        if found < least:
            best, least = copy.deepcopy(network.state_dict()), found
    network.load_state_dict(best)
    return network.eval()


def gcn(examples: Sequence[Example], watched: Sequence[int], embedder: Embedder, tools: tuple[str, ...]) -> Score:
    graphs = graphs_of(examples, embedder, tools)
    network = train_gcn(graphs, [one.failed for one in examples], watched, seed=1, settings=SETTINGS)
    return lambda asked: np.array([network.score(graph) for graph in graphs_of(asked, embedder, tools)])


def hashed(examples: Sequence[Example]) -> Embedder:
    return HashedSubwords()


def fasttext(dimensions: int) -> Callable[[Sequence[Example]], Embedder]:
    def embedder(examples: Sequence[Example]) -> Embedder:
        calls = (call for one in examples for turns in one.prefix.attempts for turn in turns for call in turn.calls)
        return train_fasttext([call.arguments for call in calls], dimensions=dimensions)

    return embedder


ROWS: dict[str, tuple[Trainer, Callable[[Sequence[Example]], Embedder], bool]] = {
    "gcn, hashed": (gcn, hashed, False),
    "gcn, fasttext 100": (gcn, fasttext(100), False),
    "gcn, fasttext 300": (gcn, fasttext(300), False),
    "gcn, hashed, three groups a task": (gcn, hashed, True),
    "lstm by attempt, hashed": (lstm(True), hashed, False),
    "lstm by attempt, fasttext 100": (lstm(True), fasttext(100), False),
    "lstm end to end, hashed": (lstm(False), hashed, False),
    "lstm by attempt, hashed, three groups a task": (lstm(True), hashed, True),
}


def main() -> None:
    groups = inner(groups_of(recordings("llama3"), "llama3", most=3))
    tools, examples = vocabulary(groups), examples_of(groups, [Look(at=5)])
    folds = np.array([fold_of(one.task_id) for one in examples])
    mains = np.array([not one.extra for one in examples])
    failed = np.array([one.failed for one in examples])
    document = {}
    for name in sys.argv[1:] or ROWS:
        trainer, embed, extras = ROWS[name]
        p = np.full(len(examples), np.nan)
        for fold in INNER:
            watching = INNER[(INNER.index(fold) + 1) % len(INNER)]
            places = np.flatnonzero((folds != fold) & (mains | (extras & (folds != watching))))
            own = [examples[at] for at in places]
            watched = np.flatnonzero(folds[places] == watching).tolist()
            training = [one for one, at in zip(own, places, strict=True) if folds[at] != watching]
            score = trainer(own, watched, embed(training), tools)
            curve = platt(failed[places[watched]], score([own[at] for at in watched]))
            tested = np.flatnonzero((folds == fold) & mains)
            p[tested] = curve.each(score([examples[at] for at in tested]))
        verdicts, said = failed[mains], p[mains]
        low, high = bootstrap(auc, verdicts, said, seed=1)
        figures = {"accuracy": accuracy(verdicts, said), "auc": auc(verdicts, said), "brier": brier(verdicts, said)}
        document[name] = figures | {"low": low, "high": high}
        print(f"{name}: {figures['accuracy']:.3f} / {figures['auc']:.3f} [{low:.2f}, {high:.2f}] / "
              f"{figures['brier']:.3f}", flush=True)  # fmt: skip
        write("prediction_sequences", document)


if __name__ == "__main__":
    main()
