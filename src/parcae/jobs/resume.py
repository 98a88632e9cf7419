"""Any run goes on from where its journal ends, whichever command began it."""

from __future__ import annotations

from collections.abc import Callable

from parcae.core.errors import CallerMistake
from parcae.core.plan import StagePlan
from parcae.core.protocols import Forecaster
from parcae.jobs.attempts import started
from parcae.jobs.options import from_text
from parcae.jobs.report import Report
from parcae.jobs.world import World
from parcae.prediction.rule import RuleForecaster

ForecasterFor = Callable[[StagePlan, str], Forecaster]  # of a plan, and of a kind of agent


def untrained(stage: StagePlan, agent: str) -> Forecaster:
    """The forecaster that needs no training, whatever the plan."""
    return RuleForecaster()


async def resume_run(run: str, world: World, forecaster_for: ForecasterFor = untrained) -> Report:
    """Let `run` go on; a run that has ended is only reported. `forecaster_for` gives its plan the forecaster.

    Raises:
        CallerMistake: there is no such run, or its command cannot be resumed this way.
    """
    beginning = await started(world.journal, run)
    if beginning is None:
        raise CallerMistake(f"there is no run {run!r}", "see `parcae runs list`")
    if beginning.command == "locate":
        from parcae.jobs import locate  # each command's own, loaded when it is needed

        return await locate.go_on(run, world, forecaster_for(from_text(beginning.options).stage, "locate"))
    if beginning.command == "repair":
        from parcae.jobs import repair

        return await repair.resume(run, world, forecaster_for(from_text(beginning.options).stage, "repair"))
    raise CallerMistake(f"run {run!r} was begun by `parcae {beginning.command}`", "resume it with that command")
