"""What is counted of one name that attempts answered, one function each. E: attempts that ended, R: attempts planned.

A vote is wrong when the name that leads it is wrong, so what is known of that name says more than what is known of the
group. Logarithms are natural. Ties of the vote go as AutoFL's: by failing tests that reach the name; then by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from parcae.graphs.known import owner_of
from parcae.graphs.tally import Tally, short_name

NameFeature = Callable[[Tally, str], float]
ACCESSORS = ("get", "is", "set", "has")


def leader_of(tally: Tally) -> str | None:
    """The name that would win the vote now. Without votes: the candidate that most failing tests reach, then looks."""
    covering = tally.facts.known.covering
    if tally.votes:
        return min(tally.votes, key=lambda name: (-round(tally.votes[name], 9), -covering.get(name, 0), name))
    most = max(covering.values(), default=0)
    reached = [name for name, tests in covering.items() if tests == most]
    return min(reached, key=lambda name: (-len(tally.looked.get(short_name(name), ())), name), default=None)


def share_of_ended(tally: Tally, name: str) -> float:
    """Its vote / E."""
    return tally.votes.get(name, 0.0) / max(1, len(tally.answers))


def share_of_planned(tally: Tally, name: str) -> float:
    """Its vote / R."""
    return tally.votes.get(name, 0.0) / tally.samples


def share_of_votes(tally: Tally, name: str) -> float:
    """Its vote / all votes."""
    return tally.votes.get(name, 0.0) / max(1.0, sum(tally.votes.values()))


def place(tally: Tally, name: str) -> float:
    """Sum over answers that hold it of 1 / its place, / E: an answer names first what it believes first."""
    return tally.places.get(name, 0.0) / max(1, len(tally.answers))


def first(tally: Tally, name: str) -> float:
    """Answers that name it first / E."""
    return tally.firsts_named[name] / max(1, len(tally.answers))


def lead(tally: Tally, name: str) -> float:
    """(Its vote - the largest of the others) / E; negative where it trails."""
    others = max((vote for other, vote in tally.votes.items() if other != name), default=0.0)
    return (tally.votes.get(name, 0.0) - others) / max(1, len(tally.answers))


def cover(tally: Tally, name: str) -> float:
    """Failing tests that reach it / the most that reach one."""
    return tally.facts.known.cover(name)


def log_reached(tally: Tally, name: str) -> float:
    """ln(1 + candidates that as many failing tests reach, or more)."""
    return math.log1p(tally.facts.known.reached_as_much(name))


def log_suspects(tally: Tally, name: str) -> float:
    """ln(1 + candidates as suspect as it: as many failing tests reach them, and as few other tasks, or more so)."""
    return math.log1p(tally.facts.known.as_suspect(name))


def looked(tally: Tally, name: str) -> float:
    """Attempts that looked at it / R."""
    return len(tally.looked.get(short_name(name), ())) / tally.samples


def class_looked(tally: Tally, name: str) -> float:
    """Attempts that looked at its class, or at anything in it / R."""
    return len(tally.entered.get(short_name(owner_of(name)), ())) / tally.samples


def class_votes(tally: Tally, name: str) -> float:
    """Votes for names of its class / E."""
    owner = owner_of(name)
    own = sum(vote for other, vote in tally.votes.items() if owner_of(other) == owner)
    return own / max(1, len(tally.answers))


def log_class_size(tally: Tally, name: str) -> float:
    """ln(1 + candidates of its class)."""
    return math.log1p(tally.facts.known.class_sizes.get(owner_of(name), 0))


def log_overloads(tally: Tally, name: str) -> float:
    """ln(1 + candidates that share its name, whatever their arguments)."""
    return math.log1p(tally.facts.known.overloads.get(name.partition("(")[0], 0))


def constructor(tally: Tally, name: str) -> float:
    """1 if it is called like its class, or `__init__`."""
    own = short_name(name)
    return float(own in ("__init__", "<init>") or own == short_name(owner_of(name)))


def accessor(tally: Tally, name: str) -> float:
    """1 if its name begins like that of a getter or setter."""
    return float(short_name(name).startswith(ACCESSORS))


def log_length(tally: Tally, name: str) -> float:
    """ln(1 + letters of its name)."""
    return math.log1p(len(short_name(name)))


NAME_FEATURES: Mapping[str, NameFeature] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            share_of_ended, share_of_planned, share_of_votes, place, first, lead, cover, log_reached, log_suspects,
            looked, class_looked, class_votes, log_class_size, log_overloads, constructor, accessor, log_length,
        )
    }
)  # fmt: skip
