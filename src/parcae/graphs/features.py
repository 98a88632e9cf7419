"""The counts that carry a forecast, one function each. R: attempts planned. Sources: PAPERS section 1.

Every feature is a function of a Tally alone, so that what is learned offline and what is seen live are one thing.
Logarithms are natural; a feature without anything to count is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from parcae.graphs.names import leader_of, log_suspects
from parcae.graphs.tally import Tally, short_name

Feature = Callable[[Tally], float]


# ---- how long, how many ended -------------------------------------------------------------------------------------


def mean_length(tally: Tally) -> float:
    """Turns of all attempts / R."""
    return sum(tally.lengths.values()) / tally.samples


def length_spread(tally: Tally) -> float:
    """Standard deviation of the turns over the attempts that began."""
    lengths = tally.lengths.values()
    if not lengths:
        return 0.0
    mean = sum(lengths) / len(lengths)
    return math.sqrt(sum((length - mean) ** 2 for length in lengths) / len(lengths))


def ended_share(tally: Tally) -> float:
    """Attempts that ended / R."""
    return len(tally.answers) / tally.samples


def silent_share(tally: Tally) -> float:
    """Attempts that ended without naming anything / R."""
    return sum(not answer for answer in tally.answers.values()) / tally.samples


# ---- votes of the attempts that ended -----------------------------------------------------------------------------


def vote_confidence(tally: Tally) -> float:
    """The largest vote / R: what is certain already (AutoFL's confidence once all have ended)."""
    return max(tally.votes.values(), default=0.0) / tally.samples


def vote_confidence_of_ended(tally: Tally) -> float:
    """The largest vote / attempts that ended."""
    return max(tally.votes.values(), default=0.0) / max(1, len(tally.answers))


def vote_lead(tally: Tally) -> float:
    """(Largest vote - second largest) / R."""
    first = second = 0.0
    for share in tally.votes.values():
        if share > first:
            first, second = share, first
        elif share > second:
            second = share
    return (first - second) / tally.samples


def winner_suspects(tally: Tally) -> float:
    """ln(1 + candidates as suspect as what leads the vote); 0 where none leads."""
    leader = leader_of(tally)
    return 0.0 if leader is None else log_suspects(tally, leader)


def named_suspects(tally: Tally) -> float:
    """The mean of the same over all names, weighted by their votes; what leads where nothing was named."""
    votes = sum(tally.votes.values())
    if not votes:
        return winner_suspects(tally)
    return sum(vote * log_suspects(tally, name) for name, vote in tally.votes.items()) / votes


def log_names(tally: Tally) -> float:
    """ln(1 + distinct names voted for)."""
    return math.log1p(len(tally.votes))


def vote_entropy(tally: Tally) -> float:
    """-sum p ln p over the shares of the vote."""
    total = sum(tally.votes.values())
    return -sum(share / total * math.log(share / total) for share in tally.votes.values()) if total else 0.0


def answer_size(tally: Tally) -> float:
    """Names given / attempts that named something."""
    return tally.names_given / max(1, sum(bool(answer) for answer in tally.answers.values()))


def looked_at_winner(tally: Tally) -> float:
    """Attempts that looked at what leads the vote / R; of several leaders the first by name, whoever came first."""
    if not tally.votes:
        return 0.0
    leader = min(tally.votes, key=lambda name: (-round(tally.votes[name], 9), name))
    return len(tally.looked.get(short_name(leader), ())) / tally.samples


# ---- calls --------------------------------------------------------------------------------------------------------


def unique_share(tally: Tally) -> float:
    """Distinct calls / calls."""
    return len(tally.passes) / max(1, tally.calls)


def log_unique(tally: Tally) -> float:
    """ln(1 + distinct calls): the nodes of the graph."""
    return math.log1p(len(tally.passes))


def call_entropy(tally: Tally) -> float:
    """-sum p ln p over how often each distinct call was made."""
    return math.log(tally.calls) - tally.sum_log / tally.calls if tally.calls else 0.0


def repeat_share(tally: Tally) -> float:
    """Calls that the same attempt had made before / calls."""
    return tally.repeats / max(1, tally.calls)


def error_share(tally: Tally) -> float:
    """Calls that came back as errors / calls."""
    return tally.errors / max(1, tally.calls)


def mean_log_observed(tally: Tally) -> float:
    """Mean over turns of ln(1 + characters that came back)."""
    return tally.log_chars / max(1, tally.observations)


# ---- the graph ----------------------------------------------------------------------------------------------------


def log_edges(tally: Tally) -> float:
    """ln(1 + distinct transitions)."""
    return math.log1p(len(tally.edges))


def edge_reuse(tally: Tally) -> float:
    """Distinct transitions / transitions."""
    return len(tally.edges) / max(1, tally.edges.total())


def loop_share(tally: Tally) -> float:
    """Transitions from a node to itself / transitions."""
    return tally.loops / max(1, tally.edges.total())


def node_sharing(tally: Tally) -> float:
    """Mean over nodes of (attempts that passed it / R): how much attempts agree on what to do."""
    return tally.visits / max(1, len(tally.passes)) / tally.samples


def focus(tally: Tally) -> float:
    """Most attempts at one pointed node / R: agreement on where to look."""
    return tally.pointed_most / tally.samples


def log_pointed(tally: Tally) -> float:
    """ln(1 + distinct pointed nodes)."""
    return math.log1p(tally.pointed_nodes)


def pointed_entropy(tally: Tally) -> float:
    """-sum p ln p over the pointed calls."""
    return math.log(tally.pointed_calls) - tally.pointed_sum_log / tally.pointed_calls if tally.pointed_calls else 0.0


# ---- the task -----------------------------------------------------------------------------------------------------


def task_size(tally: Tally) -> float:
    """ln(1 + candidates), where their number is known before the run; else 0."""
    return _log(tally.facts.candidates)


def task_tests(tally: Tally) -> float:
    """ln(1 + failing tests that reach the candidate which most of them reach), where known; else 0."""
    return _log(tally.facts.failing_tests)


def task_leading(tally: Tally) -> float:
    """ln(1 + candidates that so many failing tests reach), where known; else 0."""
    return _log(tally.facts.leading)


def _log(count: int | None) -> float:
    return 0.0 if count is None else math.log1p(count)


def first_observation(tally: Tally) -> float:
    """Mean over attempts of ln(1 + characters of the first observation): the size of the task as attempts see it."""
    return tally.first_log_chars / max(1, tally.firsts)


TASK_FEATURES: tuple[Feature, ...] = (task_size, task_tests, task_leading, first_observation)
FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            mean_length, length_spread, ended_share, silent_share,
            vote_confidence, vote_confidence_of_ended, vote_lead, winner_suspects, named_suspects, log_names,
            vote_entropy, answer_size,
            looked_at_winner, unique_share, log_unique, call_entropy, repeat_share, error_share, mean_log_observed,
            log_edges, edge_reuse, loop_share, node_sharing, focus, log_pointed, pointed_entropy,
            *TASK_FEATURES,
        )
    }
)  # fmt: skip


def tool_mix(tally: Tally, vocabulary: tuple[str, ...]) -> tuple[float, ...]:
    """For each tool of `vocabulary`: its calls / calls. Tools outside the vocabulary count in the denominator only."""
    return tuple(tally.tools[tool] / max(1, tally.calls) for tool in vocabulary)


def unknown_tools(tally: Tally, vocabulary: tuple[str, ...]) -> tuple[str, ...]:
    """The tools that were called and that `vocabulary` does not hold."""
    return tuple(sorted(set(tally.tools) - set(vocabulary)))
