"""Training the GCN with PyTorch Geometric. The only module of Parcae that imports torch.

Source: PAPERS section 1, "Predictor": hidden 32, dropout 0.8, Adam 1e-3, batches of 32, 150 epochs, binary
cross-entropy on logits. Where we differ: the epoch is chosen by the loss on validation tasks that are neither trained
on nor tested, and its state is copied deeply.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parcae.core.errors import CallerMistake
from parcae.graphs.semantic import FlowMatrix
from parcae.prediction.gcn import Gcn, GcnSettings

try:
    import torch

    with warnings.catch_warnings():  # importing it calls what torch 2.13 deprecates; nothing that we use
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch_geometric.data import Batch as Batch  # re-exported: who compares with PyTorch Geometric needs it
        from torch_geometric.data import Data
        from torch_geometric.nn import GCNConv, global_mean_pool
        from torch_geometric.nn.conv.gcn_conv import gcn_norm
except ImportError:
    raise CallerMistake(
        "training a GCN needs torch and torch_geometric", "install them: pip install 'parcae[train]'"
    ) from None

Progress = Callable[[int, int], None]


class Network(torch.nn.Module):
    """GCN layer, GCN layer, mean pool, dropout, linear; without `normalize` it takes `normalized` graphs."""

    def __init__(self, width: int, settings: GcnSettings, *, normalize: bool = True) -> None:
        super().__init__()
        self.first = GCNConv(width, settings.hidden, normalize=normalize)
        self.second = GCNConv(settings.hidden, settings.hidden, normalize=normalize)
        self.last = torch.nn.Linear(settings.hidden, 1)
        self.dropout = settings.dropout

    def forward(self, batch: Any) -> Any:
        """Logits, one a graph."""
        hidden = self.first(batch.x, batch.edge_index, batch.edge_weight).relu()
        hidden = self.second(hidden, batch.edge_index, batch.edge_weight).relu()
        pooled = global_mean_pool(hidden, batch.batch)
        pooled = torch.nn.functional.dropout(pooled, p=self.dropout, training=self.training)
        return self.last(pooled).squeeze(-1)

    def in_numpy(self) -> Gcn:
        """The same network for `gcn`."""
        state = {name: value.detach().numpy().astype(np.float32).copy() for name, value in self.state_dict().items()}
        return Gcn(
            first=state["first.lin.weight"].T.copy(),
            first_bias=state["first.bias"],
            second=state["second.lin.weight"].T.copy(),
            second_bias=state["second.bias"],
            last=state["last.weight"][0],
            last_bias=state["last.bias"][0],
        )


def data_of(graph: FlowMatrix, failed: bool = False) -> Any:
    """The graph as PyTorch Geometric takes it."""
    return Data(
        x=torch.from_numpy(graph.nodes),
        edge_index=torch.from_numpy(np.stack([graph.sources, graph.targets])),
        edge_weight=torch.from_numpy(graph.weights),
        y=torch.tensor([float(failed)]),
        num_nodes=len(graph.nodes),
    )


@dataclass(frozen=True, slots=True)
class Several:
    """Graphs side by side, as the network reads them; PyTorch Geometric's Batch does the same at thrice the price."""

    x: Any
    edge_index: Any
    edge_weight: Any
    batch: Any
    y: Any


def normalized(graph: FlowMatrix, failed: bool) -> Any:
    """The graph with loops and normalised weights, by PyTorch Geometric: both layers and all epochs share them."""
    row = data_of(graph, failed)
    row.edge_index, row.edge_weight = gcn_norm(row.edge_index, row.edge_weight, row.num_nodes)
    return row


def together(rows: Sequence[Any]) -> Several:
    """`rows` as one graph without edges between them."""
    counts = torch.tensor([row.num_nodes for row in rows])
    starts = (counts.cumsum(0) - counts).tolist()
    return Several(
        x=torch.cat([row.x for row in rows]),
        edge_index=torch.cat([row.edge_index + start for row, start in zip(rows, starts, strict=True)], dim=1),
        edge_weight=torch.cat([row.edge_weight for row in rows]),
        batch=torch.arange(len(rows)).repeat_interleave(counts),
        y=torch.cat([row.y for row in rows]),
    )


def train_gcn(
    graphs: Sequence[FlowMatrix],
    failed: Sequence[bool],
    validation: Sequence[int],
    *,
    seed: int,
    settings: GcnSettings,
    progress: Progress | None = None,
) -> Gcn:
    """The network as it stood after the epoch with the least loss on the graphs that `validation` lists.

    The other graphs train. Progress is told as (epochs done, epochs).
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # graphs are small: threads would wait for each other
    rows = [normalized(graph, verdict) for graph, verdict in zip(graphs, failed, strict=True)]
    held = set(validation)
    train = [row for place, row in enumerate(rows) if place not in held]
    watched = together([rows[place] for place in validation])
    network = Network(graphs[0].nodes.shape[1], settings, normalize=False)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate)
    best, least = copy.deepcopy(network.state_dict()), float("inf")
    for epoch in range(settings.epochs):
        run_epoch(network, optimiser, train, settings)
        loss = loss_on(network, watched)
        if loss < least:
            best, least = copy.deepcopy(network.state_dict()), loss
        if progress is not None:
            progress(epoch + 1, settings.epochs)
    network.load_state_dict(best)
    return network.in_numpy()


def leaking_scores(
    graphs: Sequence[FlowMatrix], failed: Sequence[bool], fold: Sequence[int], *, seed: int, settings: GcnSettings
) -> list[float]:
    """What the authors' protocol says of each graph. It leaks: never quote it as a figure of quality.

    The best validation accuracy and its state are kept across folds, and the state is copied shallowly, so it goes on
    being trained; later folds are then tested with networks that saw their tasks. PAPERS section 1, "Traps".
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rows = [normalized(graph, verdict) for graph, verdict in zip(graphs, failed, strict=True)]
    scores, most = [0.0] * len(rows), -1.0
    best: dict[str, Any] = {}
    for tested in sorted(set(fold)):
        others = [place for place, own in enumerate(fold) if own != tested]
        order = [others[at] for at in torch.randperm(len(others)).tolist()]
        watched, train = order[: len(order) // 10], order[len(order) // 10 :]
        network = Network(graphs[0].nodes.shape[1], settings, normalize=False)
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate)
        for _ in range(settings.epochs):
            run_epoch(network, optimiser, [rows[place] for place in train], settings)
            found = scores_of(network, [rows[place] for place in watched])
            hits = sum((p > 0.5) == failed[place] for p, place in zip(found, watched, strict=True)) / len(watched)
            if hits > most:
                best, most = network.state_dict(), hits  # shallow: the leak
        network.load_state_dict(best)
        inside = [place for place, own in enumerate(fold) if own == tested]
        for place, score in zip(inside, scores_of(network, [rows[place] for place in inside]), strict=True):
            scores[place] = score
    return scores


def run_epoch(network: Network, optimiser: Any, rows: Sequence[Any], settings: GcnSettings) -> None:
    """One pass over `rows` in random order; `network` does not normalise, the rows are `normalized`."""
    network.train()
    order = torch.randperm(len(rows)).tolist()
    for start in range(0, len(order), settings.batch):
        batch = together([rows[place] for place in order[start : start + settings.batch]])
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(network(batch), batch.y).backward()
        optimiser.step()


def loss_on(network: Network, batch: Any) -> float:
    """Mean cross-entropy on `batch`."""
    network.eval()
    with torch.no_grad():
        return float(torch.nn.functional.binary_cross_entropy_with_logits(network(batch), batch.y))


def scores_of(network: Network, rows: Sequence[Any]) -> list[float]:
    """The failure probability of each graph, by PyTorch."""
    network.eval()
    with torch.no_grad():
        return [float(value) for value in torch.sigmoid(network(together(rows)))]
