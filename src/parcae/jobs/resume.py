"""Any run goes on from where its journal ends, whichever command began it."""

from __future__ import annotations

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Forecaster
from parcae.jobs.attempts import started
from parcae.jobs.report import Report
from parcae.jobs.world import World


async def resume_run(run: str, world: World, forecaster: Forecaster | None = None) -> Report:
    """Let `run` go on; a run that has ended is only reported. `forecaster` None: the one that needs no training.

    Raises:
        CallerMistake: there is no such run, or its command cannot be resumed this way.
    """
    beginning = await started(world.journal, run)
    if beginning is None:
        raise CallerMistake(f"there is no run {run!r}", "see `parcae runs list`")
    if beginning.command == "locate":
        from parcae.jobs import locate  # each command's own, loaded when it is needed

        return await locate.go_on(run, world, forecaster)
    if beginning.command == "repair":
        from parcae.jobs import repair

        return await repair.resume(run, world)
    raise CallerMistake(f"run {run!r} was begun by `parcae {beginning.command}`", "resume it with that command")
