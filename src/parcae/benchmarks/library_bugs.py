"""Bugs in a copy of the standard library: a fault is kept if it changes what some use of the library gives.

A differential test states what the whole library gives. Shares of easy bugs are kept down, so that the median bug
executes many functions in several modules and is not called by its test.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from parcae.benchmarks.bug import Bug
from parcae.benchmarks.differential import CaseResult, Results, Use, differing, make_use, run_use, whole
from parcae.benchmarks.mutate import Mutation, compiles, mutations
from parcae.benchmarks.stdlib_copy import PACKAGE, copy_library
from parcae.benchmarks.subjects import data, reckoning, text, web
from parcae.benchmarks.subjects.subject import Subject
from parcae.benchmarks.write_repo import Shown, write_repository
from parcae.core.errors import CallerMistake
from parcae.core.scope import derive_seed
from parcae.tools.functions_in_source import Definition, definitions
from parcae.tools.sandbox import Sandbox

SUBJECTS: tuple[Subject, ...] = (*text.SUBJECTS, *data.SUBJECTS, *web.SUBJECTS, *reckoning.SUBJECTS)
SHOWN, HELD_BACK = 14, 10  # cases in the repository's tests, and cases that only graders see
FUNCTIONS, MODULES = 15, 3  # a bug whose test executes fewer is small
MOST_EASY = 0.4  # the largest share of bugs that are small, that are called by their test, that crash in the culprit
MOST_TEXT = 4000  # characters of a failing case and of what it should give: people write no longer tests
TRIES = 12  # faults tried for one use before another has its turn
LAPS = 40  # how often each use has its turn


async def library_bugs(count: int, seed: int, out: Path, *, sandbox: Sandbox) -> AsyncIterator[Bug]:
    """Build `count` bugs below `out`, one folder each, and yield each as it is done; equal seeds give equal bugs.

    Raises:
        SandboxFailed: the copied library cannot be run here.
        CallerMistake: so many bugs cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="parcae-bugs-") as scratch:
        library = _Library(Path(scratch), sandbox)
        subjects = list(SUBJECTS)
        random.Random(derive_seed(seed, "order")).shuffle(subjects)
        shares, used = _Shares(), set[str]()
        for lap, subject in itertools.product(range(LAPS), subjects):
            ground = await library.ground(subject, seed)
            rng = random.Random(derive_seed(seed, subject.name, lap))
            shown = await library.break_once(ground, rng, shares, used)
            if shown is not None:
                folder = out / f"bug-{shares.kept:04}"
                yield await asyncio.to_thread(write_repository, shown, folder, library.root)
            if shares.kept >= count:
                return
        raise CallerMistake(f"only {shares.kept} bugs could be made", "ask for fewer, or take another --seed")


@dataclass(slots=True, kw_only=True)
class _Shares:
    """How many bugs were kept, and how many of them are easy, in each of three ways."""

    kept: int = 0
    easy: list[int] = field(default_factory=lambda: [0, 0, 0])

    def allows(self, *easy: bool) -> bool:
        """Whether one more bug that is `easy` in these ways keeps within the shares."""
        most = MOST_EASY * (self.kept + 3)
        return not any(one and count + 1 > most for one, count in zip(easy, self.easy, strict=False))

    def take(self, *easy: bool) -> bool:
        """Count one more bug, unless that would make too many of its kind."""
        if not self.allows(*easy):
            return False
        self.kept += 1
        self.easy = [count + one for one, count in zip(easy, self.easy, strict=True)]
        return True


def _is_small(functions: int, modules: int) -> bool:
    return functions < FUNCTIONS or modules < MODULES


def _called(function: str, use: Use) -> bool:
    """Whether the test itself calls the function, as far as its name tells."""
    return f"{function.rpartition('.')[2]}(" in use.source


@dataclass(slots=True, kw_only=True)
class _Ground:
    """A use that works on the whole library, and by culprit what may be broken under it."""

    use: Use
    results: Results
    faults: dict[tuple[str, str], list[Mutation]] = field(default_factory=dict)  # (file, function) -> faults
    small: bool = False  # whether every case executes little


class _Library:
    """The copy that is broken and mended again, and what its files define."""

    def __init__(self, root: Path, sandbox: Sandbox) -> None:
        self.root, self._sandbox = root, sandbox
        copy_library(root)
        self._sources: dict[str, str] = {}
        self._definitions: dict[str, tuple[Definition, ...]] = {}
        self._grounds: dict[str, _Ground] = {}

    async def ground(self, subject: Subject, seed: int) -> _Ground:
        """The use `subject` with its cases and every fault on a line that its shown cases execute."""
        if subject.name not in self._grounds:
            use = make_use(subject, random.Random(derive_seed(seed, "cases", subject.name)), SHOWN + HELD_BACK)
            use, results = await whole(use, self.root, self._sandbox)
            self._grounds[subject.name] = _Ground(use=use, results=results)
            await asyncio.to_thread(self._find_faults, self._grounds[subject.name])
        return self._grounds[subject.name]

    def _find_faults(self, ground: _Ground) -> None:
        lines: dict[str, set[int]] = {}
        for case in ground.results.cases[:SHOWN]:
            for file, executed in case.lines.items():
                lines.setdefault(file, set()).update(executed)
        for file in sorted(lines):
            for fault in mutations(self.source(file), lines[file]):
                owner = self._owner(file, fault.line)
                if owner is not None:
                    ground.faults.setdefault((file, owner.qualname), []).append(fault)
        ground.small = all(_is_small(*self._executed(case)) for case in ground.results.cases[:SHOWN])

    async def break_once(self, ground: _Ground, rng: random.Random, shares: _Shares, used: set[str]) -> Shown | None:
        """A fault in a function not `used` yet that a shown case notices; None if many tries found none."""
        for _ in range(TRIES):
            culprits = [place for place in sorted(ground.faults) if "::".join(place) not in used]
            culprits = [place for place in culprits if shares.allows(ground.small, _called(place[1], ground.use))]
            if not culprits:
                return None
            place = rng.choice(culprits)
            fault = rng.choice(ground.faults[place])
            results = await self._run_broken(ground.use, place[0], fault)
            shown = None if results is None else self._show(ground, results.cases, place, fault, rng)
            if shown is not None and shares.take(_is_small(shown.functions, shown.modules), shown.direct, shown.crash):
                used.add("::".join(place))
                return shown
        return None

    async def _run_broken(self, use: Use, file: str, fault: Mutation) -> Results | None:
        path, source = self.root / PACKAGE / file, self.source(file)
        broken = fault.apply(source)
        if not compiles(broken):
            return None
        path.write_text(broken, encoding="utf-8")
        try:
            return await run_use(use, self.root, self._sandbox)
        finally:
            path.write_text(source, encoding="utf-8")

    def _show(
        self,
        ground: _Ground,
        broken: tuple[CaseResult, ...],
        place: tuple[str, str],
        fault: Mutation,
        rng: random.Random,
    ) -> Shown | None:
        file, function = place
        cases, use = ground.results.cases, ground.use
        changed = differing(cases[:SHOWN], broken[:SHOWN])
        failing = [
            one
            for one in changed
            if broken[one].status in ("ok", "raised")
            and len(use.cases[one]) + len(cases[one].value) <= MOST_TEXT
            and self._executes(cases[one], file, function)
        ]
        passing = tuple(one for one in range(len(cases[:SHOWN])) if one not in changed)
        if not failing or len(passing) < 2:
            return None
        chosen, name = rng.choice(failing), function.rpartition(".")[2]
        functions, modules = self._executed(cases[chosen])
        return Shown(
            use=use,
            expected=tuple(case.value for case in cases),
            failing=chosen,
            passing=passing,
            held_back=tuple(range(SHOWN, len(cases))),
            files=ground.results.files,
            file=file,
            fault=fault,
            culprit=function,
            functions=functions,
            modules=modules,
            direct=_called(function, use),
            crash=broken[chosen].status == "raised" and broken[chosen].value.endswith(f" in {name}"),
        )

    def source(self, file: str) -> str:
        """The whole text of a file of the library."""
        if file not in self._sources:
            self._sources[file] = (self.root / PACKAGE / file).read_text(encoding="utf-8")
        return self._sources[file]

    def _defined(self, file: str) -> tuple[Definition, ...]:
        if file not in self._definitions:
            self._definitions[file] = definitions(self.source(file))
        return self._definitions[file]

    def _owner(self, file: str, line: int) -> Definition | None:
        return next((one for one in self._defined(file) if line in one.own_lines), None)

    def _executes(self, case: CaseResult, file: str, function: str) -> bool:
        own = next(one.own_lines for one in self._defined(file) if one.qualname == function)
        return bool(own & case.lines.get(file, frozenset()))

    def _executed(self, case: CaseResult) -> tuple[int, int]:
        """How many functions, in how many modules, a case executes."""
        counts = [sum(bool(one.own_lines & lines) for one in self._defined(file)) for file, lines in case.lines.items()]
        return sum(counts), sum(count > 0 for count in counts)
