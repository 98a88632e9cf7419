"""The flow graph of a report's attempts, ready to be drawn."""

from __future__ import annotations

from parcae.graphs.build import FlowGraph, build
from parcae.graphs.nodes import ANSWER
from parcae.jobs.report import Report
from parcae.web.graph_svg import Edge, Node


def drawing(report: Report) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Nodes and edges of the merged graph; what a model above the first one of the run did counts as swapped."""
    graph = build([attempt.trajectory for attempt in report.attempts], answers=True)
    stronger = {swap.to_model for swap in report.swaps}
    nodes = tuple(_node(graph, place, stronger) for place in range(len(graph.nodes)))
    edges = tuple(
        Edge(source=nodes[source].key, target=nodes[target].key, weight=weight)
        for (source, target), weight in graph.edges.items()
    )
    return nodes, edges


def _node(graph: FlowGraph, place: int, stronger: set[str]) -> Node:
    node, visits = graph.nodes[place], graph.visits[place]
    after_swap = sum(count for model, count in graph.models[place].items() if model in stronger)
    last_part = node.argument.partition("(")[0].rsplit(".", 1)[-1]
    return Node(
        key=f"n{place}",
        label=last_part or node.tool,
        detail=f"{node.tool}({'' if node.tool == ANSWER else node.argument})",
        kind=node.tool,
        step=graph.step_sums[place] / visits + (0.5 if node.tool == ANSWER else 0.0),
        visits=visits,
        swapped=after_swap / visits,
    )
