"""What a failing test executed: values only. Knows nothing of how it was run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function, method, property or nested function of the project that a failing test executed.

    `name` is "package.module.Class.method" and unique in its run (a property's setter ends in ".setter", a second
    definition in "#2"). `package` is "" for a top-level module. `file` is relative to the repository. `line` is that
    of `def`; `source` begins at `first_line`, with the decorators. `covered_lines` are lines of its own body, not of
    functions nested in it. `failing_tests` counts the failing tests that executed it, `passing_tests` those that pass
    (see `Covered.passing`). `only_at_import`: it ran while modules were imported, never in a test.
    """

    name: str
    package: str
    module: str
    file: str
    line: int
    first_line: int
    end_line: int
    source: str
    signature: str
    covered_lines: tuple[int, ...] = ()
    failing_tests: int = 0
    passing_tests: int = 0
    only_at_import: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failing test: its node id, its source, what it said last, and the traceback as pytest prints it."""

    test: str
    source: str
    message: str
    traceback: str
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What failed, and what of the project's own code it executed, in the order of file and line.

    `module_lines` are executed lines outside any function, by file. `python` is the version that ran the tests.
    `passing`: how many tests beside the failing one were run and passed; 0 if none was run.
    """

    repo: Path
    failures: tuple[Failure, ...]
    functions: tuple[Function, ...]
    module_lines: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    python: str = ""
    contained: bool = True
    seconds: float = 0.0
    passing: int = 0

    @property
    def test(self) -> str:
        """The node id of the first failing test."""
        return self.failures[0].test

    def function(self, name: str) -> Function | None:
        """The covered function called `name`; None if there is none."""
        return next((function for function in self.functions if function.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """How many failing and how many passing tests executed a function."""

    failing: int = 0
    passing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """Which tests executed what: `hits` by function name, out of `failing` and `passing` tests in all."""

    failing: int
    passing: int
    hits: Mapping[str, Hits]

    def ochiai(self, name: str) -> float:
        """Ochiai's suspiciousness in [0, 1]: failing hits / sqrt(failing tests * tests that execute it).

        Source: Abreu, Zoeteweij, van Gemund 2006, "An evaluation of similarity coefficients for software fault
        localization".
        """
        hits = self.hits.get(name, Hits())
        scale = math.sqrt(self.failing * (hits.failing + hits.passing))
        return hits.failing / scale if scale else 0.0


def beside(covered: Covered, spectrum: Spectrum) -> Covered:
    """`covered`, knowing how many of the spectrum's passing tests execute each function."""
    functions = tuple(
        replace(function, passing_tests=spectrum.hits.get(function.name, Hits()).passing)
        for function in covered.functions
    )
    return replace(covered, functions=functions, passing=spectrum.passing)
