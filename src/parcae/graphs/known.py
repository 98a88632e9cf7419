"""What is known of the names that may be answered, before any attempt: which failing tests reach them, their classes.

And how common they are: what many other tasks reach too is seldom to blame for this one. Counted once a task, so that
features of a name cost a look-up. Knows nothing of attempts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """`covering[n]`: failing tests that reach candidate n; empty where nothing is known.

    `class_sizes`: candidates of each class; `overloads`: candidates that share a dotted name, whatever their arguments.
    `common[n]`: in how many tasks n was a candidate, this one too if it is `counted`. `levels[t]`: in how many other
    tasks each candidate stood that t failing tests reach, or more, in order; t = 0 holds all of them.
    """

    covering: Mapping[str, int] = field(default_factory=dict)
    class_sizes: Mapping[str, int] = field(default_factory=dict)
    overloads: Mapping[str, int] = field(default_factory=dict)
    common: Mapping[str, int] = field(default_factory=dict)
    counted: bool = False
    levels: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    most: int = 0

    @classmethod
    def of(
        cls, covering: Mapping[str, int], common: Mapping[str, int] | None = None, counted: bool = False
    ) -> KnownNames:
        """Count what `covering` says, and `common` of other tasks; `counted`: this task is among them."""
        others = {name: max(0, (common or {}).get(name, 0) - counted) for name in covering}
        return cls(
            covering=covering,
            class_sizes=Counter(owner_of(name) for name in covering),
            overloads=Counter(name.partition("(")[0] for name in covering),
            common=common or {},
            counted=counted,
            levels={
                tests: tuple(sorted(others[name] for name, own in covering.items() if own >= tests))
                for tests in {0, *covering.values()}
            },
            most=max(covering.values(), default=0),
        )

    def beside(self, common: Mapping[str, int], counted: bool = False) -> KnownNames:
        """The same names, with how common they are in other tasks."""
        return KnownNames.of(self.covering, common, counted) if self.covering else self

    def cover(self, name: str) -> float:
        """Failing tests that reach `name` / the most that reach one; 1 where nothing is known."""
        return self.covering.get(name, 0) / max(1, self.most) if self.covering else 1.0

    def reached_as_much(self, name: str) -> int:
        """How many candidates as many failing tests reach, or more."""
        return len(self._level(name))

    def as_suspect(self, name: str) -> int:
        """How many candidates as many failing tests reach, or more, and as few other tasks, or fewer; itself too."""
        others = self.common.get(name, 0) - self.counted if name in self.covering else 0
        return bisect_right(self._level(name), max(0, others))

    def _level(self, name: str) -> tuple[int, ...]:
        return self.levels.get(self.covering.get(name, 0), ())


def owner_of(name: str) -> str:
    """The dotted name of the class or module that holds `name`."""
    return name.partition("(")[0].rpartition(".")[0]
