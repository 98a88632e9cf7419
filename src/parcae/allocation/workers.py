"""The agents that draw samples of a stage, by name: `locate` finds the fault behind an item's failing test, `repair`
mends it in a branch of its own. A worker is one function from a Draw to what was Drawn.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from parcae.agents.fault_localization import locate_task, locator
from parcae.agents.loop import Agent
from parcae.agents.program_repair import repair_task, repairer
from parcae.agents.role import Role
from parcae.agents.test_bed import TestBed
from parcae.allocation.pipeline import Item, Stage
from parcae.allocation.samples import Drawn
from parcae.allocation.scoring import PLAUSIBLE
from parcae.core.errors import CallerMistake, LimitReached, ProviderFailed
from parcae.core.protocols import Model
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.jobs.patch_check import Before, before_change, check_patch
from parcae.jobs.repair import open_committed
from parcae.store.replay import rebuild
from parcae.tools.covered import Covered, Spectrum, beside
from parcae.tools.project_python import choose_python
from parcae.tools.python_project import cover, run_suite, spectrum_of
from parcae.tools.sandbox import Sandbox
from parcae.workspace import Branch

Outputs = Mapping[str, str]
K = TypeVar("K")
T = TypeVar("T")
VERDICTS = ("the test still fails", "breaks other tests", PLAUSIBLE)  # by PatchChecked.level
NO_PATCH = "no patch"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A project to repair: the branch with its files as they were, what runs its tests, what these said before."""

    files: Branch
    bed: TestBed
    before: Before


@dataclass(kw_only=True)
class Tools:
    """What stages need from outside. The sandbox is asked for only by stages that run tests.

    `run` names the branches that samples work in; `copies` is where projects that are no repositories are copied to.
    What is known of an item's project is found out once.
    """

    find_sandbox: Callable[[], Sandbox]
    run: str
    copies: Path | None = None
    covers: dict[tuple[str, str], asyncio.Task[Covered]] = field(default_factory=dict)
    spectra: dict[tuple[str, str], asyncio.Task[Spectrum]] = field(default_factory=dict)
    benches: dict[tuple[str, str], asyncio.Task[Bench]] = field(default_factory=dict)

    async def covered(self, item: Item) -> Covered:
        """What the item's failing test executes, and how many passing tests of its file do too."""
        repo, test = place_of(item)
        file = test.partition("::")[0]
        found = await _once(self.covers, (repo, test), lambda: self._cover(Path(repo), test))
        return beside(found, await _once(self.spectra, (repo, file), lambda: self._spectrum(Path(repo), file)))

    async def bench(self, item: Item) -> Bench:
        """What a repair of the item works on; items of one project share what its suite said."""
        return await _once(self.benches, place_of(item), lambda: self._bench_for(item))

    async def _cover(self, repo: Path, test: str) -> Covered:
        return await cover(repo, test, sandbox=self.find_sandbox())

    async def _spectrum(self, repo: Path, file: str) -> Spectrum:
        return spectrum_of(await run_suite(repo, file, sandbox=self.find_sandbox()))

    async def _bench_for(self, item: Item) -> Bench:
        repo, test = place_of(item)
        shared = await _once(self.benches, (repo, ""), lambda: self._bench(Path(repo)))
        return replace(shared, bed=replace(shared.bed, test=test, tried={}, waiting={}, batches={}))

    async def _bench(self, repo: Path) -> Bench:
        digest = hashlib.blake2b(str(repo).encode(), digest_size=4).hexdigest()
        opened = open_committed(repo, f"{self.run}-{digest}", self.copies)
        python, files = choose_python(repo, None, os.environ), opened.begun
        bed = TestBed(repo=opened.folder, test="", sandbox=self.find_sandbox(), python=python)
        return Bench(files=files, bed=bed, before=await before_change(bed, files))


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One sample to draw: of `stage` on `item` by `model` in `scope`, after the `outputs` of upstream stages."""

    stage: Stage
    item: Item
    model: Model
    outputs: Outputs
    scope: Scope
    tools: Tools

    async def covered(self) -> Covered:
        """What the item's test executes; with `within` only the classes or modules of what was named upstream."""
        covered = await self.tools.covered(self.item)
        return narrowed(covered, self.outputs[self.stage.within]) if self.stage.within else covered


def place_of(item: Item) -> tuple[str, str]:
    """The item's project and its failing test.

    Raises:
        CallerMistake: it has no such fields.
    """
    try:
        return item.fields["repo"], item.fields["test"]
    except KeyError as missing:
        raise CallerMistake(
            f"item {item.id!r} has no {missing}",
            "a `locate` or `repair` stage needs `repo` and `test` in every item",
        ) from None


async def locate(draw: Draw) -> Drawn:
    """One attempt at finding the fault: the names of suspects, the likeliest first."""
    covered = await draw.covered()
    answer, drawn = await _attempted(draw, locator(covered), locate_task(covered))
    return replace(drawn, output="\n".join(answer))


async def repair(draw: Draw) -> Drawn:
    """One attempt at making the test pass: what the tests say of its patch, and on the lines below it the patch."""
    covered, bench = await draw.covered(), await draw.tools.bench(draw.item)
    branch = bench.files.branch(draw.scope.id.rpartition("/")[2])
    inside = replace(draw, scope=replace(draw.scope, workspace=branch))
    answer, drawn = await _attempted(inside, repairer(covered, bench.files, bench.bed), repair_task(covered))
    if not answer:
        return replace(drawn, output=NO_PATCH)
    excluded = bench.before.excluded(bench.bed.test)
    checked = await check_patch(draw.scope.id, bench.files, branch, bench.bed, excluded)
    return replace(drawn, output=f"{VERDICTS[checked.level]}\n{answer[0]}")


async def _attempted(draw: Draw, role: Role, task: Task) -> tuple[tuple[str, ...], Drawn]:
    """The answer of one attempt, which goes on where it was cut off, and its calls.

    Raises:
        LimitReached: the money ran out. Asked again with more of it, the attempt goes on.
        ProviderFailed: the model's provider failed for good.
    """
    role = replace(role, temperature=draw.stage.temperature, max_steps=draw.stage.max_steps or role.max_steps)
    scope, begun = draw.scope, draw.scope.clock.now()
    steps = (await rebuild(scope.journal, scope.id, task.id)).steps
    if steps and steps[-1].ending is not None and steps[-1].ending.reason == "limit":
        steps = steps[:-1]
    if not steps or steps[-1].ending is None:
        async for _ in Agent(role).attempt(task, model=draw.model, so_far=steps, scope=scope):
            pass
        steps = (await rebuild(scope.journal, scope.id, task.id)).steps
    scope.account.release()
    await scope.account.close()  # else a crash later would count what it reserved ahead as spent
    ending = steps[-1].ending if steps else None
    if ending is not None and ending.reason == "limit":
        raise LimitReached(f"an attempt of stage {draw.stage.name!r} on item {draw.item.id!r} ran into the limit")
    if ending is not None and ending.reason == "failed":
        raise ProviderFailed(ending.detail or "the attempt failed")
    calls = tuple(step.usage for step in steps if step.usage.prompt_tokens)
    seconds = max(scope.clock.now() - begun, 0.0)
    return ending.answer if ending is not None else (), Drawn(output="", calls=calls, seconds=seconds)


def narrowed(covered: Covered, named: str) -> Covered:
    """Only the functions that stand in the classes or modules of the names in `named`; all of them if none does."""
    owners = {line.strip().rpartition(".")[0] for line in named.splitlines() if line.strip()}
    inside = tuple(one for one in covered.functions if one.name.rpartition(".")[0] in owners)
    return replace(covered, functions=inside) if inside else covered


async def _once(known: dict[K, asyncio.Task[T]], key: K, find: Callable[[], Coroutine[None, None, T]]) -> T:
    """What `find` gives for `key`, found once however many ask."""
    if key not in known or known[key].cancelled():
        known[key] = asyncio.create_task(find())
    return await asyncio.shield(known[key])


WORKERS: dict[str, Callable[[Draw], Awaitable[Drawn]]] = {"locate": locate, "repair": repair}
