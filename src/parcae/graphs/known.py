"""What is known of the names that may be answered, before any attempt: which failing tests reach them, their classes.

And how common they are: what many other tasks reach too is seldom to blame for this one. Counted once a task, so that
features of a name cost a look-up. Knows nothing of attempts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """`covering[n]`: failing tests that reach candidate n; empty where nothing is known.

    `class_sizes`: candidates of each class; `overloads`: candidates that share a dotted name, whatever their arguments.
    `others[n]`: in how many other tasks candidate n stood. `levels[t]`: the same of each candidate that t failing tests
    reach, or more, in order; t = 0 holds all of them. `most`: the most failing tests that reach a candidate.
    """

    covering: Mapping[str, int] = field(default_factory=dict)
    class_sizes: Mapping[str, int] = field(default_factory=dict)
    overloads: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)
    levels: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    most: int = 0

    @classmethod
    def of(cls, covering: Mapping[str, int]) -> KnownNames:
        """Count what `covering` says; nothing is known of other tasks."""
        return cls(
            covering=covering,
            class_sizes=Counter(owner_of(name) for name in covering),
            overloads=Counter(name.partition("(")[0] for name in covering),
            levels=_levels(covering, {}),
            most=max(covering.values(), default=0),
        )

    def beside(self, common: Mapping[str, int], *, counted: bool = False) -> KnownNames:
        """The same names; `common`: in how many tasks a name is a candidate, `counted`: this one is among them."""
        others = {name: common.get(name, 0) - counted for name in self.covering}
        return replace(self, others=others, levels=_levels(self.covering, others))

    def cover(self, name: str) -> float:
        """Failing tests that reach `name` / the most that reach one; 1 where nothing is known."""
        return self.covering.get(name, 0) / max(1, self.most) if self.covering else 1.0

    def reached_as_much(self, name: str) -> int:
        """How many candidates as many failing tests reach, or more."""
        return len(self._level(name))

    def as_suspect(self, name: str) -> int:
        """How many candidates as many failing tests reach, or more, and as few other tasks, or fewer; itself too."""
        return bisect_right(self._level(name), self.others.get(name, 0))

    def _level(self, name: str) -> tuple[int, ...]:
        return self.levels.get(self.covering.get(name, 0), ())


def _levels(covering: Mapping[str, int], others: Mapping[str, int]) -> dict[int, tuple[int, ...]]:
    return {
        tests: tuple(sorted(others.get(name, 0) for name, own in covering.items() if own >= tests))
        for tests in {0, *covering.values()}
    }


def owner_of(name: str) -> str:
    """The dotted name of the class or module that holds `name`."""
    return name.partition("(")[0].rpartition(".")[0]
