"""What the tests say of a project before anything is changed, and of a patch: the verdicts that `repair` ranks by.

A test that gives two verdicts on the same files flickers; it is named, and its verdict does not count.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from parcae.agents.patch import normal_form, patch_of, size_of
from parcae.agents.test_bed import EVERYTHING, TestBed
from parcae.core.errors import CallerMistake, LimitReached
from parcae.tools.plain_pytest import PlainRun
from parcae.workspace import Branch, Opened

FLAKY_RUNS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchChecked:
    """What the tests say of the patch of the attempt in `scope`. `form` is the same for equal patches.

    `flaky` are tests that failed with it once, and passed with it when they were run again: they do not count.
    """

    kind: ClassVar[str] = "patch.checked/1"
    scope: str
    form: str
    passes: bool
    broken: tuple[str, ...] = ()
    size: int = 0
    flaky: tuple[str, ...] = ()

    @property
    def level(self) -> int:
        """2: plausible; 1: the failing test passes but others fail; 0: it still fails."""
        return 0 if not self.passes else 1 if self.broken else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The suite before any change, run `FLAKY_RUNS` times: tests that passed every time, how often each passed, all
    tests that ran, and whether any failed.
    """

    steady: frozenset[str]
    times_passed: Mapping[str, int]
    ran: frozenset[str]
    red: bool

    def excluded(self, test: str) -> tuple[str, ...]:
        """The tests beside the failing `test` whose verdict does not count: they are red or flaky by themselves."""
        return tuple(sorted(self.ran - self.steady - {test}))


async def before_change(bed: TestBed, files: Branch) -> Before:
    """What the suite says of `files`, which nobody has changed.

    Raises:
        LimitReached: the suite takes too long.
        SandboxFailed: the sandbox broke.
    """
    runs = [await bed.run(files, EVERYTHING, turn=turn) for turn in range(FLAKY_RUNS)]
    limit = next((run.limit for run in runs if run.limit is not None), None)
    if limit is not None:
        raise LimitReached(f"the suite of {bed.repo} reached its limit of {limit}; raise --timeout")
    return Before(
        steady=frozenset.intersection(*(run.passed for run in runs)),
        times_passed=Counter(test for run in runs for test in run.passed),
        ran=frozenset.union(*(run.passed | run.failed for run in runs)),
        red=any(run.failed for run in runs),
    )


async def red_before(bed: TestBed, opened: Opened, test: str) -> tuple[str, ...]:
    """Tests beside `test` that fail, or not always pass, before anything is changed.

    Raises:
        CallerMistake: `test` passes, or not always fails.
        LimitReached: the suite takes too long.
        SandboxFailed: the sandbox broke.
    """
    before = await before_change(bed, opened.main)
    count = before.times_passed.get(test, 0)
    if 0 < count < FLAKY_RUNS:
        raise CallerMistake(
            f"{test} flickers: it passed in {count} of {FLAKY_RUNS} runs of what is committed in {opened.folder}",
            "make it fail every time, such as by fixing its seed or its clock",
        )
    if count or not before.red:
        raise CallerMistake(
            f"{test} passes on what is committed in {opened.folder}", "commit the change that makes it fail"
        )
    return before.excluded(test)


async def check_patch(
    scope: str, before: Branch, branch: Branch, bed: TestBed, excluded: Sequence[str]
) -> PatchChecked:
    """Run the failing test on `branch` and, if it passes, the suite; twice if something fails that passed in `before`.

    Raises:
        SandboxFailed: the sandbox broke.
    """
    run = await bed.run(branch)
    passes = bool(run.passed) and not run.failed and run.limit is None
    broken, flaky = frozenset[str](), frozenset[str]()
    if passes:
        was = await bed.run(before, EVERYTHING)
        broken = _broken(was, await bed.run(branch, EVERYTHING)) - set(excluded)
        if broken:
            again = _broken(was, await bed.run(branch, EVERYTHING, turn=1))
            broken, flaky = broken & again, broken - again
    return PatchChecked(
        scope=scope,
        form=hashlib.sha256(normal_form(before, branch).encode()).hexdigest(),
        passes=passes,
        broken=tuple(sorted(broken)),
        size=size_of(patch_of(before, branch)),
        flaky=tuple(sorted(flaky)),
    )


def _broken(was: PlainRun, now: PlainRun) -> frozenset[str]:
    """The tests that passed and do not any more, and those that fail and did not."""
    return (was.passed - now.passed) | (now.failed - was.failed)


def score(own: PatchChecked, all_checked: Sequence[PatchChecked]) -> float:
    """In [0, 1]: by tests, then by how many attempts made the same patch, then the smaller one first."""
    votes = sum(one.form == own.form for one in all_checked)
    return (own.level + (votes + 1 / (2 + own.size)) / (2 + len(all_checked))) / 3


def flaky_notes(checked: Sequence[PatchChecked]) -> Iterator[str]:
    """A sentence for each test that flickered while patches were checked."""
    for test in sorted({test for one in checked for test in one.flaky}):
        yield f"{test} failed with a patch once and passed with it when run again: it flickers and does not count"
