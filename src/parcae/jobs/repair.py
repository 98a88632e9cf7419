"""The job of `parcae repair`: make a failing test pass, in branches that nobody else works on.

Each attempt has its own branch; a patch is *plausible* if the failing test passes with it and nothing fails that
passed before. Patches are ranked by tests, then by how many attempts made the same one, then by size. Everything that
the ranking needs is journalled, so a report needs no sandbox.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from parcae.agents.loop import Agent
from parcae.agents.patch import files_of, normal_form
from parcae.agents.program_repair import repair_task, repairer
from parcae.agents.test_bed import TestBed
from parcae.core.errors import CallerMistake
from parcae.core.events import RunEnded, RunStarted
from parcae.core.protocols import Forecaster, Journal, Model
from parcae.core.scope import Scope
from parcae.core.task import Answer, Candidate, Task
from parcae.core.trajectory import Trajectory, cost_of
from parcae.hotswap.supervisor import supervise
from parcae.jobs.attempts import Outcome, cards_of, ended, looked_at, outcome_of, run_group, scope_of
from parcae.jobs.options import JobOptions, as_text, from_text
from parcae.jobs.patch_check import PatchChecked, check_patch, flaky_notes, red_before, score
from parcae.jobs.report import Patch, Report, Suspect, costs_by_model, estimated_baseline, swaps_of
from parcae.jobs.world import World
from parcae.prediction.rule import RuleForecaster
from parcae.store.replay import members
from parcae.tools.covered import Covered
from parcae.tools.project_python import choose_python
from parcae.tools.sandbox import Sandbox, find_sandbox
from parcae.workspace import Branch, Opened, open_workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPrepared:
    """What the failing test executed, and the tests whose verdict does not count: red or flaky before any change."""

    kind: ClassVar[str] = "repair.prepared/1"
    scope: str
    covered: Covered
    excluded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A run as its journal knows it."""

    run: str
    options: JobOptions
    task: Task
    prepared: RepairPrepared
    models: Mapping[str, Model]


async def begin(options: JobOptions, world: World, *, run: str, sandbox: Sandbox, notes: Sequence[str] = ()) -> TestBed:
    """Run the failing test and the suite, and write the run's beginning; nothing is written before that.

    `go_on` takes the bed, so that it need not run again what was run here.

    Raises:
        CallerMistake: the project, the test or a model's name is wrong, or files are not committed.
        SandboxFailed: tests cannot be contained here.
    """
    looked = await look(options, world, run=run, sandbox=sandbox)
    await begin_looked(looked, options, world, run=run, notes=notes)
    return looked.bed


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was seen of a project before anything was changed, and where its tests run; runs may share it."""

    covered: Covered
    bed: TestBed
    excluded: tuple[str, ...]
    notes: tuple[str, ...] = ()


async def look(options: JobOptions, world: World, *, run: str, sandbox: Sandbox) -> Looked:
    """Run the failing test and the suite, each more than once, in the workspace of `run`.

    Raises:
        CallerMistake: the project, the test or a model's name is wrong, or files are not committed.
        SandboxFailed: tests cannot be contained here.
    """
    opened = open_committed(options.repo, run, options.copies)
    covered, notes = await looked_at(options, world, sandbox)
    bed = _bed(options, covered, sandbox)
    excluded = await red_before(bed, opened, options.test)
    said = (*notes, *(f"{test} fails or flickers without any change: its verdict does not count" for test in excluded))
    return Looked(covered=covered, bed=bed, excluded=excluded, notes=said)


async def begin_looked(
    looked: Looked, options: JobOptions, world: World, *, run: str, notes: Sequence[str] = ()
) -> None:
    """Write the beginning of a run whose project was looked at before."""
    task = repair_task(looked.covered)
    started = RunStarted(scope=run, command="repair", task=task, seed=options.seed, options=as_text(options))
    said = (*notes, *looked.notes)
    prepared = RepairPrepared(scope=run, covered=looked.covered, excluded=looked.excluded, notes=said)
    await world.journal.append([started, prepared])


async def go_on(
    run: str, world: World, *, sandbox: Sandbox, forecaster: Forecaster | None = None, bed: TestBed | None = None
) -> Report:
    """Let `run` go on from where its journal ends, and report; a run that has ended is only reported.

    `bed` knows what tests of the same project came to before.

    Raises:
        CallerMistake: there is no such run.
    """
    job = await _read(run, world)
    if not await world.journal.read(run, [RunEnded], below=False):
        opened = open_committed(job.options.repo, run, job.options.copies)
        async with scope_of(run, job.options, world, opened.main) as scope:
            bed = bed or _bed(job.options, job.prepared.covered, sandbox)
            await _run(job, opened, scope, world, bed, forecaster)
        outcome = await _outcome(job, world)
        if outcome.ending is not None:
            await ended(world.journal, run, outcome)
    return await report_of(run, world)


async def resume(run: str, world: World, forecaster: Forecaster | None = None) -> Report:
    """Let `run` go on with the sandbox that it was begun with.

    Raises:
        SandboxFailed: it is not to be had any more.
    """
    job = await _read(run, world)
    return await go_on(run, world, sandbox=find_sandbox(job.options.no_sandbox), forecaster=forecaster)


async def _run(
    job: _Job, opened: Opened, scope: Scope, world: World, bed: TestBed, forecaster: Forecaster | None
) -> None:
    stage = job.options.stage
    base, before = opened.main, opened.begun  # the winner moves the main branch; `before` keeps the files as they were
    role = repairer(job.prepared.covered, before, bed)
    role = replace(role, temperature=stage.temperature, max_steps=stage.max_steps or role.max_steps)

    async def check(trajectory: Trajectory, own: Scope) -> float:
        checked = await _check_all(job, base, before, bed, world.journal)
        return score(checked[own.id], list(checked.values())) if own.id in checked else 0.0

    group = supervise(Agent(role), stage, job.models, forecaster or RuleForecaster(), check=check)
    await run_group(group, job.task, model=group.ladder[0], scope=scope, world=world)


async def _check_all(
    job: _Job, base: Branch, before: Branch, bed: TestBed, journal: Journal
) -> dict[str, PatchChecked]:
    """What the tests say of every attempt's patch, by scope; each is run once, whatever crashes come between."""
    known = {one.event.scope: one.event for one in await journal.read(job.run, [PatchChecked])}
    for scope in await members(journal, job.run):
        branch = base.branch(scope.rpartition("/")[2])
        if scope not in known and normal_form(before, branch):
            known[scope] = await check_patch(scope, before, branch, bed, job.prepared.excluded)
            await journal.append([known[scope]])
    return known


async def report_of(run: str, world: World) -> Report:
    """The report of `run` as its journal stands now."""
    job = await _read(run, world)
    outcome = await _outcome(job, world)
    checked = [one.event for one in await world.journal.read(run, [PatchChecked])]
    patches = _patches(outcome, checked, run)
    stage = job.options.stage
    steps = [step for attempt in outcome.attempts for step in attempt.trajectory.own]
    status = outcome.status
    if status == "done" and not any(patch.plausible for patch in patches):
        status = "no_answer"
    return Report(
        run=run,
        kind="repair",
        title=f"{job.prepared.covered.repo.name} {job.prepared.covered.test}",
        question=job.task.question,
        status=status,
        suspects=tuple(_suspect(patch) for patch in patches),
        confidence=max((patch.share for patch in patches if patch.plausible), default=0.0),
        cost_usd=cost_of(steps),
        by_model=costs_by_model(outcome.attempts, cards_of(stage, job.models)),
        swaps=swaps_of(outcome.decided, outcome.forecasted, stage.ladder),
        forecasts=outcome.forecasted,
        baseline=estimated_baseline(outcome.attempts, job.models[stage.ladder[-1]].card, cards_of(stage, job.models)),
        attempts=outcome.attempts,
        notes=(*job.prepared.notes, *flaky_notes(checked)),
        decisions=outcome.decided,
        patches=patches,
    )


async def _outcome(job: _Job, world: World) -> Outcome:
    return await outcome_of(world.journal, job.run, job.task, _by_answers)


def _by_answers(trajectories: Sequence[Trajectory]) -> Answer:
    """The diffs as the attempts gave them; their order is the tests' business, see `_patches`."""
    answers = [one.ending.answer for one in trajectories if one.ending is not None]
    distinct = dict.fromkeys(name for answer in answers for name in answer)
    return Answer(candidates=tuple(Candidate(name=name, score=0.0) for name in distinct), attempts=len(answers))


def _patches(outcome: Outcome, checked: Sequence[PatchChecked], run: str) -> tuple[Patch, ...]:
    """The distinct patches, best first; of equal ones the smallest diff is shown."""
    diffs = {
        f"{run}/{one.name}": one.trajectory.ending.answer[0]
        for one in outcome.attempts
        if one.trajectory.ending is not None and one.trajectory.ending.answer
    }
    counted = [one for one in checked if one.scope in diffs]
    votes = Counter(one.form for one in counted)
    best: dict[str, PatchChecked] = {}
    for one in sorted(counted, key=lambda each: (len(diffs[each.scope]), each.scope)):
        best.setdefault(one.form, one)
    ranked = sorted(best.values(), key=lambda one: -score(one, counted))
    return tuple(
        Patch(
            diff=diffs[one.scope],
            files=files_of(diffs[one.scope]),
            plausible=one.level == 2,
            passes=one.passes,
            broken=one.broken,
            votes=votes[one.form],
            share=votes[one.form] / max(1, len(outcome.attempts)),
            size=one.size,
            attempt=one.scope.rpartition("/")[2],
        )
        for one in ranked
    )


def _suspect(patch: Patch) -> Suspect:
    verdict = "plausible" if patch.plausible else "breaks other tests" if patch.passes else "the test still fails"
    file = patch.files[0] if patch.files else None
    return Suspect(name=f"{verdict}: {patch.size} lines", score=patch.share, file=file, line=_line(patch.diff))


def _line(diff: str) -> int | None:
    found = re.search(r"^@@ -(\d+)", diff, re.MULTILINE)
    return int(found[1]) if found else None


def _bed(options: JobOptions, covered: Covered, sandbox: Sandbox) -> TestBed:
    return TestBed(
        repo=covered.repo,
        test=options.test,
        sandbox=sandbox,
        python=choose_python(covered.repo, options.python, os.environ),
        timeout_seconds=options.timeout_seconds,
    )


def open_committed(repo: Path, run: str, copies: Path | None) -> Opened:
    """The workspace of `run` in `repo`, whose Python files are all committed.

    Raises:
        CallerMistake: some are not.
    """
    opened = open_workspace(repo, run, copies=copies)
    inside = "".join(f"{name}/" for name in opened.main.objects.root)
    changed = [path for path in opened.uncommitted if path.endswith(".py") and path.startswith(inside)]
    if changed:
        raise CallerMistake(
            f"{', '.join(changed[:5])} in {repo} {'is' if len(changed) == 1 else 'are'} not committed",
            "commit or stash first: attempts work in branches of what is committed",
        )
    return opened


async def _read(run: str, world: World) -> _Job:
    started = await world.journal.read(run, [RunStarted], below=False)
    prepared = await world.journal.read(run, [RepairPrepared], below=False)
    if not started or not prepared:
        raise CallerMistake(f"there is no run {run!r} of `parcae repair`", "see `parcae runs list`")
    options = from_text(started[0].event.options)
    return _Job(
        run=run,
        options=options,
        task=started[0].event.task,
        prepared=prepared[0].event,
        models={name: world.open_model(name) for name in options.stage.ladder},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """How the user gets the best patch: the command that merges its branch, or the files that were written."""

    command: str | None = None
    written: tuple[str, ...] = ()


def hand_over(report: Report, options: JobOptions, *, apply: bool) -> Handed:
    """Say how to take the patch, or write it into the user's files if they asked for that.

    Raises:
        CallerMistake: a file of theirs has changed since; nothing is written.
    """
    if not any(patch.plausible for patch in report.patches):
        return Handed()
    opened = open_workspace(options.repo, report.run, copies=options.copies)
    if not apply:
        return Handed(command=None if opened.plain else opened.merge_command)
    before = opened.begun
    files = [path for path in opened.main.paths() if path in report.patches[0].files]
    for path in files:
        if (opened.folder / path).read_bytes() != before.read(path):
            raise CallerMistake(f"{path} has changed since the run began", f"apply the patch of {report.run} by hand")
    for path in files:
        (opened.folder / path).write_bytes(opened.main.read(path))
    return Handed(written=tuple(files))
