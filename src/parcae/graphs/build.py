"""Several attempts at one task as one directed graph, grown step by step.

Nodes are what attempts did; an edge counts how often one was followed by another, over all attempts (PAPERS section
1, "Semantic flow graph"). Adding a step costs the step, not the history. Knows nothing of forecasts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from parcae.core.trajectory import Step, Trajectory
from parcae.graphs.nodes import ANSWER, Node, calls_of, exact_node


@dataclass(slots=True, kw_only=True)
class FlowGraph:
    """`nodes` in the order of their first visit; `visits[i]` how often node i was passed; `edges[(i, j)]` transitions.

    `step_sums[i]` adds up the step numbers at which node i was passed, for drawing from left to right; `models[i]`
    counts who passed it. `answers` makes each name of an answer a node that is reached from the attempt's last call.
    """

    answers: bool = False
    nodes: list[Node] = field(default_factory=list)
    visits: list[int] = field(default_factory=list)
    step_sums: list[int] = field(default_factory=list)
    edges: Counter[tuple[int, int]] = field(default_factory=Counter)
    index: dict[Node, int] = field(default_factory=dict)
    models: list[Counter[str]] = field(default_factory=list)
    last: dict[int, int] = field(default_factory=dict)
    length: dict[int, int] = field(default_factory=dict)

    def add(self, attempt: int, step: Step) -> None:
        """Take in one more step of attempt number `attempt`."""
        number = self.length.get(attempt, 0)
        self.length[attempt] = number + 1
        for call in calls_of(step):
            self.last[attempt] = self._pass(exact_node(call), number, step.model, self.last.get(attempt))
        if self.answers and step.ending is not None:
            for name in step.ending.answer:
                self._pass(Node(tool=ANSWER, argument=name), number, step.model, self.last.get(attempt))

    def _pass(self, node: Node, step: int, model: str, previous: int | None) -> int:
        place = self.index.get(node)
        if place is None:
            place = self.index[node] = len(self.nodes)
            self.nodes.append(node)
            self.visits.append(0)
            self.step_sums.append(0)
            self.models.append(Counter())
        self.visits[place] += 1
        self.step_sums[place] += step
        self.models[place][model] += 1
        if previous is not None:
            self.edges[(previous, place)] += 1
        return place


def build(trajectories: Sequence[Trajectory], *, answers: bool = False) -> FlowGraph:
    """The exact-node graph of `trajectories`, attempt by attempt."""
    graph = FlowGraph(answers=answers)
    for attempt, trajectory in enumerate(trajectories):
        for step in trajectory.steps:
            graph.add(attempt, step)
    return graph
