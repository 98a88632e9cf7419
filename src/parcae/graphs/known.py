"""What is known of the names that may be answered, before any attempt: which failing tests reach them, their classes.

Counted once a task, so that features of a name cost a look-up. Knows nothing of attempts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """`covering[n]`: failing tests that reach candidate n; empty where nothing is known.

    `class_sizes`: candidates of each class; `overloads`: candidates that share a dotted name, whatever their arguments.
    """

    covering: Mapping[str, int] = field(default_factory=dict)
    class_sizes: Mapping[str, int] = field(default_factory=dict)
    overloads: Mapping[str, int] = field(default_factory=dict)
    ordered: tuple[int, ...] = ()

    @classmethod
    def of(cls, covering: Mapping[str, int]) -> KnownNames:
        """Count what `covering` says."""
        return cls(
            covering=covering,
            class_sizes=Counter(owner_of(name) for name in covering),
            overloads=Counter(name.partition("(")[0] for name in covering),
            ordered=tuple(sorted(covering.values())),
        )

    def cover(self, name: str) -> float:
        """Failing tests that reach `name` / the most that reach one; 1 where nothing is known."""
        return self.covering.get(name, 0) / max(1, self.ordered[-1]) if self.ordered else 1.0

    def reached_as_much(self, name: str) -> int:
        """How many candidates as many failing tests reach, or more."""
        return len(self.ordered) - bisect_left(self.ordered, self.covering.get(name, 0))


def owner_of(name: str) -> str:
    """The dotted name of the class or module that holds `name`."""
    return name.partition("(")[0].rpartition(".")[0]
