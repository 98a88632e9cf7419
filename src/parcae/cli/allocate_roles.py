"""What `parcae allocate --from-runs` does: past runs of `parcae run` to a model and a number of attempts a role."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from parcae.allocation.job import SAID
from parcae.allocation.result import Result
from parcae.allocation.roles import Attempt, Goal, RoleOptions, allocate_roles, recorded
from parcae.cli.allocate_run import FROM_RUNS, present
from parcae.cli.run_plan import names_of
from parcae.cli.session import cards_only, looking, new_run
from parcae.cli.settings import Setting
from parcae.core.errors import CallerMistake
from parcae.core.events import RunEnded, RunStarted
from parcae.core.plan import Plan
from parcae.core.task import Task
from parcae.jobs.world import World
from parcae.organization.assignments import Assignment, assignments_of
from parcae.organization.job import COMMAND
from parcae.store.runs import runs_in

SEARCHING = {"max_calls": "--max-calls", "agent": "--agent", "pilot": "--pilot", "run": "--resume", "limit": "--items"}


def allocate_from_runs(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> int:
    """Compare what the named runs recorded (all, if none is named), and show the choice; returns the exit code.

    Raises:
        CallerMistake: a run is none of `parcae run`, a flag steers a search that there is not, or too little is known.
    """
    for name, said in SEARCHING.items():
        if flags[name]:
            raise CallerMistake(f"{said} means nothing with --from-runs: nothing is drawn", f"leave {said} out")

    async def replay(world: World) -> tuple[Result, Plan | None]:
        return await _replayed(flags, world)

    result, plan = looking(settings, cards_only(settings), replay)
    return present(result, plan, flags, settings)


async def _replayed(flags: Mapping[str, object], world: World) -> tuple[Result, Plan | None]:
    named = flags["named"]
    assert isinstance(named, tuple)
    runs = await _runs(named, world)
    assignments = [one for run in runs for one in await assignments_of(run, world.journal)]
    found = recorded([_attempt(one) for one in assignments], names_of(flags["models"]))
    prices = [world.open_model(model).card.price for stage in found.stages for model in stage.models]
    run = new_run("allocate")
    result, plan = allocate_roles(
        found, _options(flags), run=run, nominal=any(price is not None and price.nominal for price in prices)
    )
    result = replace(result, notes=(*_told(assignments, len(runs)), *result.notes))
    task = Task(id=run, kind="allocate", question=result.pipeline)
    said = json.dumps({FROM_RUNS: list(runs)})
    began = RunStarted(scope=run, command="allocate", task=task, seed=1, options={SAID: said})
    await world.journal.append([began, RunEnded(scope=run, status=result.status)])
    return result, plan


async def _runs(named: Sequence[str], world: World) -> tuple[str, ...]:
    """The runs of organisations that were named; all of them, oldest first, if none was."""
    known = [one.run for one in reversed(await runs_in(world.journal)) if one.command == COMMAND]
    for name in named:
        if name not in known:
            raise CallerMistake(f"there is no run {name!r} of `parcae run`", "see `parcae runs list`")
    return tuple(dict.fromkeys(named or known))


def _attempt(one: Assignment) -> Attempt:
    return Attempt(
        goal=Goal(text=one.goal, workspace=one.workspace),
        role=one.role,
        task=one.task,
        model=one.model,
        accepted=None if one.left_out else one.accepted,  # its role works there, and nothing is known of one attempt
        passed=one.passed,
        first_usd=one.first_usd,
        whole_usd=one.whole_usd,
    )


def _told(assignments: Sequence[Assignment], runs: int) -> tuple[str, ...]:
    """What the choice rests on: who judged, and what was left out."""
    judged = Counter(one.source for one in assignments if not one.left_out and one.accepted is not None)
    by = ", ".join(f"{count} by {source}" for source, count in judged.most_common())
    notes = [f"{sum(judged.values())} first results of {runs} runs were judged: {by}"]
    notes += [f"left out: {count} {why}" for why, count in Counter(one.left_out for one in assignments).items() if why]
    return tuple(notes)


def _options(flags: Mapping[str, object]) -> RoleOptions:
    item_usd, epsilon, delta, held_out = (flags[name] for name in ("item_budget", "epsilon", "delta", "held_out"))
    assert isinstance(epsilon, float) and isinstance(delta, float) and isinstance(held_out, int)
    options = RoleOptions(epsilon=epsilon, delta=delta, held_out=held_out)
    return replace(options, item_usd=item_usd) if isinstance(item_usd, float) else options
