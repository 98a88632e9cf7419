"""A bench's arms, and the walk that meets everything with every arm once. Knows nothing of bugs or items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from parcae.core.plan import StagePlan
from parcae.core.protocols import Event
from parcae.jobs.world import World


class Named(Protocol):
    """A bug's folder, or an item."""

    @property
    def name(self) -> str:
        """What it is called in the bench."""
        ...


Verdict = TypeVar("Verdict", bound=Event)
Thing = TypeVar("Thing", bound=Named)


def arms_of(stage: StagePlan) -> dict[str, StagePlan]:
    """Each end of the ladder alone with the same number of attempts, and the plan itself if it swaps or stops."""
    cheap = stage.alone(0)
    arms = {cheap.ladder[0]: cheap}
    if len(stage.ladder) > 1:
        strong = stage.alone(-1)
        arms[strong.ladder[0]] = strong
    if stage.policy != "none":
        arms[stage.policy] = stage
    return arms


def run_of(bench: str, name: str, arm: str) -> str:
    """The run in which `arm` meets `name`: the same whenever the bench goes on."""
    return f"{bench}-{name}-{arm.translate(str.maketrans(':@/', '---'))}"


async def verdicts_by_arm(
    things: Sequence[Thing],
    stage: StagePlan,
    world: World,
    *,
    bench: str,
    verdict: type[Verdict],
    meet: Callable[[str, Thing, StagePlan], Awaitable[Verdict | None]],
) -> AsyncIterator[Mapping[str, Verdict]]:
    """For each thing the verdict on every arm: the journalled one, else what `meet(run, thing, plan)` comes to.

    Ends early when `world.stop` is set, or when `meet` gives None because it was interrupted.
    """
    for thing in things:
        found: dict[str, Verdict] = {}
        for arm, plan in arms_of(stage).items():
            if world.stop.is_set():
                return
            run = run_of(bench, thing.name, arm)
            known = await world.journal.read(run, [verdict], below=False)
            judged = known[0].event if known else await meet(run, thing, plan)
            if judged is None:
                return
            found[arm] = judged
        yield found
