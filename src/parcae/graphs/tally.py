"""What is counted of a group of attempts while they run: all that the features need, each step at its own cost.

Nothing here looks back: taking in a turn touches the counts of that turn only. Knows nothing of forecasts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from parcae.core.task import Task
from parcae.graphs.known import KnownNames, owner_of
from parcae.graphs.nodes import Node, exact_node
from parcae.graphs.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What is known of a task before any attempt; None: unknown.

    `candidates`: how many answers are possible. `failing_tests`: the most failing tests that reach one of them.
    `leading`: how many candidates that many reach. `known`: the candidates themselves.
    """

    candidates: int | None = None
    failing_tests: int | None = None
    leading: int | None = None
    known: KnownNames = field(default=KnownNames(), repr=False)

    @classmethod
    def of(cls, covering: Mapping[str, int]) -> TaskFacts:
        """What `covering` says: how many failing tests reach each candidate; nothing where it is empty."""
        if not covering:
            return cls()
        known = KnownNames.of(covering)
        leading = sum(tests == known.most for tests in covering.values())
        return cls(candidates=len(covering), failing_tests=known.most, leading=leading, known=known)

    def beside(self, common: Mapping[str, int], *, counted: bool = False) -> TaskFacts:
        """The same task, with how common its candidates are: see `KnownNames.beside`."""
        return replace(self, known=self.known.beside(common, counted=counted))


def facts_of(task: Task) -> TaskFacts:
    """The facts that `task.covering` tells; without it those that `task.details` holds under the names of the fields.

    A repair calls candidates "functions" there.
    """

    def number(name: str) -> int | None:
        text = task.details.get(name, "")
        return int(text) if text.isdecimal() else None

    if task.covering:
        return TaskFacts.of(task.covering)
    candidates = number("candidates")
    return TaskFacts(
        candidates=number("functions") if candidates is None else candidates,
        failing_tests=number("failing_tests"),
        leading=number("leading"),
    )


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts over `samples` planned attempts of the task that `facts` tell of.

    `passes[n]`: how often node n was passed; `passers[n]`: by which attempts. A node is pointed if its call had
    arguments. `looked[n]`: who looked at n, a short name; `entered[c]`: who looked at class c or into it.
    `places[n]`: the sum over answers that hold n of 1 / its place. `sum_log`: the sum of c ln c over `passes`,
    `pointed_sum_log` over pointed nodes (entropies need it). `visited[a]`: the pointed nodes that attempt a passed;
    `joined[a]`: the sum over them of the other attempts that passed them too.
    """

    samples: int
    facts: TaskFacts = TaskFacts()
    lengths: dict[int, int] = field(default_factory=dict)
    answers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    tools: Counter[str] = field(default_factory=Counter)
    passes: Counter[Node] = field(default_factory=Counter)
    passers: dict[Node, set[int]] = field(default_factory=dict)
    edges: Counter[tuple[Node, Node]] = field(default_factory=Counter)
    last: dict[int, Node] = field(default_factory=dict)
    visited: Counter[int] = field(default_factory=Counter)
    joined: Counter[int] = field(default_factory=Counter)
    looked: dict[str, set[int]] = field(default_factory=dict)
    entered: dict[str, set[int]] = field(default_factory=dict)
    votes: dict[str, float] = field(default_factory=dict)
    places: dict[str, float] = field(default_factory=dict)
    firsts_named: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    pointed_calls: int = 0
    pointed_nodes: int = 0
    pointed_most: int = 0
    visits: int = 0
    loops: int = 0
    repeats: int = 0
    errors: int = 0
    observations: int = 0
    log_chars: float = 0.0
    first_log_chars: float = 0.0
    firsts: int = 0
    sum_log: float = 0.0
    pointed_sum_log: float = 0.0
    names_given: int = 0

    def add(self, attempt: int, turn: Turn) -> None:
        """Take in one more turn of attempt number `attempt`."""
        first = attempt not in self.lengths
        self.lengths[attempt] = self.lengths.get(attempt, 0) + 1
        for call in turn.calls:
            self._pass(attempt, exact_node(call))
        if turn.calls:
            self.observations += 1
            self.errors += turn.errors
            self.log_chars += math.log1p(turn.observed_chars)
        if first and turn.calls:
            self.firsts += 1
            self.first_log_chars += math.log1p(turn.observed_chars)
        if turn.answer is not None and attempt not in self.answers:
            self._answer(attempt, turn.answer)

    def _pass(self, attempt: int, node: Node) -> None:
        self.calls += 1
        self.tools[node.tool] += 1
        before = self.passes[node]
        self.passes[node] = before + 1
        gain = _c_log_c(before + 1) - _c_log_c(before)
        self.sum_log += gain
        passers = self.passers.setdefault(node, set())
        again = attempt in passers
        self.repeats += again
        self.visits += not again
        if node.argument and not again:
            self.visited[attempt] += 1
            self.joined[attempt] += len(passers)
            self.joined.update(passers)
        passers.add(attempt)
        if node.argument:
            self.pointed_calls += 1
            self.pointed_nodes += before == 0
            self.pointed_sum_log += gain
            self.pointed_most = max(self.pointed_most, len(passers))
            self.looked.setdefault(short_name(node.argument), set()).add(attempt)
            for name in {short_name(node.argument), short_name(owner_of(node.argument))}:
                self.entered.setdefault(name, set()).add(attempt)
        previous = self.last.get(attempt)
        if previous is not None:
            self.edges[(previous, node)] += 1
            self.loops += previous == node
        self.last[attempt] = node

    def _answer(self, attempt: int, answer: tuple[str, ...]) -> None:
        names = tuple(dict.fromkeys(answer))
        self.answers[attempt] = names
        self.names_given += len(names)
        for place, name in enumerate(names, start=1):
            self.votes[name] = self.votes.get(name, 0.0) + 1 / len(names)
            self.places[name] = self.places.get(name, 0.0) + 1 / place
        self.firsts_named.update(names[:1])


def short_name(name: str) -> str:
    """The last part of a dotted name, without arguments and in lower case: how an answer meets a call."""
    return name.partition("(")[0].rpartition(".")[2].strip().lower()


def _c_log_c(count: int) -> float:
    return count * math.log(count) if count else 0.0
