"""What a forecast costs while agents run: a step into counts and graph, all features, and each head.

    python bench/forecasts.py

Ten attempts of forty steps. PyTorch Geometric's forward pass of the same network on the same graph stands beside ours.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable

from parcae.core.errors import CallerMistake
from parcae.graphs.embed import HashedSubwords
from parcae.graphs.features import FEATURES
from parcae.graphs.nodes import Call
from parcae.graphs.semantic import FlowMatrix, SemanticGraph
from parcae.graphs.tally import Tally
from parcae.graphs.turns import Turn
from parcae.prediction.blend import score_of
from parcae.prediction.crossfit import KINDS, columns_of, narrowed
from parcae.prediction.fitted import row_of
from parcae.prediction.gcn import Gcn, GcnSettings, mixing_matrix
from parcae.prediction.gcn_watch import GcnWatch
from parcae.prediction.prefixes import Example, Group, Look, Setup, examples_of
from parcae.prediction.rows import feature_names, graphs_of, rows_of

TOOLS = ("covered", "methods", "snippet")
ATTEMPTS, STEPS = 10, 40


def turns() -> list[tuple[int, Turn]]:
    rng = random.Random(1)

    def turn() -> Turn:
        return Turn(calls=(call(rng, 12),), observed_chars=rng.randrange(4000))

    return [(attempt, turn()) for _ in range(STEPS) for attempt in range(ATTEMPTS)]


def call(rng: random.Random, classes: int) -> Call:
    name = f"org.example.Thing{rng.randrange(classes)}.method{rng.randrange(6)}(int, java.lang.String)"
    return Call(tool=rng.choice(TOOLS), arguments=json.dumps({"signature": name}))


def micros(work: Callable[[], object], times: int = 300) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


def main() -> None:
    made = turns()
    took: list[float] = []
    tally = Tally(samples=ATTEMPTS)
    graph = SemanticGraph(embedder=HashedSubwords(), tools=TOOLS)
    for attempt, turn in made:
        began = time.perf_counter()
        tally.add(attempt, turn)
        graph.add(attempt, turn)
        for feature in FEATURES.values():
            feature(tally)
        took.append(time.perf_counter() - began)
    print(f"a step into counts and graph, all features: {statistics.median(took) * 1e6:.0f} us (target 200)")
    print(f"  the slowest twentieth: {statistics.quantiles(took, n=20)[-1] * 1e6:.0f} us")
    matrix = graph.matrix()
    print(f"reading the graph ({len(matrix.nodes)} nodes after {len(made)} steps): {micros(graph.matrix):.0f} us")
    heads(tally)
    network(made, matrix)


def heads(tally: Tally) -> None:
    """One fit of each forecaster on 2,000 prefixes of 200 made-up groups, and one forecast by each."""
    looks = [*(Look(at=at) for at in range(1, 6)), *(Look(kind="sequential", at=at) for at in (2, 4, 6, 8)), Look()]
    groups = labelled_groups(200)
    examples, total = examples_of(groups, looks), 0.0
    names = feature_names(TOOLS)
    rows, row = rows_of(examples, names), row_of(tally, names)
    table = max(rows.tables, key=lambda one: len(one.names))
    assert len(rows.failed) == 2000
    for name, kind in KINDS.items():
        own = narrowed(rows, columns_of(name, names))
        began, used = time.perf_counter(), time.process_time()
        head = next(iter(kind.fits.values()))(own, 1)
        took, used = time.perf_counter() - began, time.process_time() - used
        read = row[columns_of(name, names)]
        once = micros(lambda head=head, read=read: score_of(head, read, table))
        print(f"{name}: a forecast {once:.1f} us, one fit on 2,000 prefixes {took:.1f} s, {used:.1f} CPU s")
        total += used
    print(f"all of them: {total:.0f} CPU s (with the GCN below: target 120)")
    fit_gcn(examples)


def fit_gcn(examples: list[Example]) -> None:
    """One GCN on the same prefixes, 150 epochs; a fifth chooses the epoch."""
    try:
        from parcae.prediction.gcn_training import train_gcn
    except CallerMistake:
        return
    began, used = time.perf_counter(), time.process_time()
    graphs = graphs_of(examples, HashedSubwords(), TOOLS)
    built, failed = time.process_time() - used, [one.failed for one in examples]
    train_gcn(graphs, failed, range(400), seed=1, settings=GcnSettings())
    took, used = time.perf_counter() - began, time.process_time() - used
    print(f"gcn: 2,000 graphs and one fit on them {took:.1f} s, {used:.1f} CPU s, {built:.1f} of them for the graphs")


def labelled_groups(count: int) -> list[Group]:
    """Ten attempts of three to eight steps a task; where the vote will fail, they scatter."""
    rng = random.Random(1)

    def attempt(lost: bool) -> tuple[Turn, ...]:
        called = [call(rng, 12 if lost else 3) for _ in range(rng.randrange(3, 9))]
        name = f"org.example.Thing{rng.randrange(6 if lost else 2)}.method0()"
        return (*(Turn(calls=(one,), observed_chars=rng.randrange(4000)) for one in called), Turn(answer=(name,)))

    groups = []
    for number in range(count):
        failed = rng.random() < 0.5
        attempts = tuple(attempt(failed != (rng.random() < 0.2)) for _ in range(ATTEMPTS))
        groups.append(Group(task_id=f"task-{number}", setup=Setup(model="m"), attempts=attempts, failed=failed))
    return groups


def network(made: list[tuple[int, Turn]], matrix: FlowMatrix) -> None:
    """The GCN on the growing graph, from arrays, and by PyTorch Geometric."""
    try:
        from parcae.prediction.gcn_training import Batch, Network, data_of, torch
    except CallerMistake as missing:
        print(f"PyTorch Geometric is not here: {missing}")
        return
    torch.manual_seed(1)
    theirs = Network(matrix.nodes.shape[1], GcnSettings())
    theirs.eval()
    ours = theirs.in_numpy()
    for graph in (small_graph(), matrix):
        batch = Batch.from_data_list([data_of(graph)])
        with torch.no_grad():
            gap = abs(float(theirs(batch)) - ours.logit(graph))
            pyg = micros(lambda batch=batch: theirs(batch))
        assert gap < 1e-5, gap
        own = micros(lambda graph=graph: ours.logit(graph))
        print(
            f"GCN forward, {len(graph.nodes)} nodes: PyTorch Geometric {pyg:.0f} us, numpy {own:.0f} us, gap {gap:.0e}"
        )
    products(ours, matrix)
    for every in (1, ATTEMPTS):
        took = growing(ours, made, every)
        late = took[3 * len(took) // 4 :]
        middle, end = (statistics.median(some) * 1e6 for some in (took, late))
        print(f"GCN forecast on the growing graph, every {every} steps, reading included: {middle:.0f} us (target 100)")
        print(f"  after 300 steps: {end:.0f} us, at best {min(late) * 1e6:.0f} us")


def products(gcn: Gcn, graph: FlowMatrix) -> None:
    """The four matrix products alone: no forward pass from arrays by way of them is faster."""
    mixing, hidden = mixing_matrix(graph), graph.nodes @ gcn.first
    took = [
        micros(lambda: graph.nodes @ gcn.first),
        2 * micros(lambda: mixing @ hidden),
        micros(lambda: hidden @ gcn.second),
    ]
    print(f"  of that the four products alone: {sum(took):.0f} us")


def growing(gcn: Gcn, made: list[tuple[int, Turn]], every: int) -> list[float]:
    """Seconds of each forecast while `made` arrives, one after `every` steps."""
    watch = GcnWatch(gcn=gcn, graph=SemanticGraph(embedder=HashedSubwords(), tools=TOOLS))
    took = []
    for place, (attempt, turn) in enumerate(made, start=1):
        watch.add(attempt, turn)
        if place % every == 0:
            began = time.perf_counter()
            score = watch.score()
            took.append(time.perf_counter() - began)
    assert abs(score - gcn.score(watch.graph.matrix())) < 1e-5
    return took


def small_graph() -> FlowMatrix:
    graph = SemanticGraph(embedder=HashedSubwords(), tools=TOOLS)
    for attempt, turn in turns()[:40]:
        graph.add(attempt, turn)
    return graph.matrix()


if __name__ == "__main__":
    main()
