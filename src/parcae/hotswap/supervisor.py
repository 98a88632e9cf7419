"""A stage of a Plan as a Worker: attempts on a ladder of models, watched by a forecaster, swapped by a policy."""

from __future__ import annotations

from collections.abc import Mapping

from parcae.core.errors import CallerMistake
from parcae.core.plan import StagePlan
from parcae.core.plan_rungs import most_attempts
from parcae.core.protocols import Forecaster, Model, Policy, Worker
from parcae.hotswap.climb import Climb
from parcae.hotswap.policies import policy_of
from parcae.sampling.group import Check, Group, Rank, Release, by_vote


def checked_policy(stage: StagePlan) -> Policy:
    """The policy of `stage`.

    Raises:
        CallerMistake: a policy that does not exist, or a swap without a second model.
    """
    if stage.policy.startswith(("parallel@", "sequential@")) and len(stage.ladder) < 2:
        raise CallerMistake(
            f"the policy {stage.policy!r} swaps, but the ladder holds one model",
            "name two or more: --models cheap,strong",
        )
    return policy_of(stage)


def supervise(
    worker: Worker,
    stage: StagePlan,
    models: Mapping[str, Model],
    forecaster: Forecaster,
    *,
    policy: Policy | None = None,
    rank: Rank = by_vote,
    check: Check | None = None,
    release: Release | None = None,
    enough: float | None = None,
    shared: bool = False,
) -> Group:
    """`worker`, attempted as `stage` says: the composite Worker that watches, swaps and votes.

    `models` holds the opened models of the stage's ladder by name; `policy` replaces the one that `stage.policy`
    names. For the others see `Group`.

    Raises:
        CallerMistake: a policy that does not exist, a model that was not opened, a swap without a second model.
    """
    missing = [name for name in stage.ladder if name not in models]
    if missing:
        raise CallerMistake(f"no model {missing[0]!r} was opened for this stage", "open every model of its ladder")
    if policy is None:
        policy = checked_policy(stage)
    rungs = policy.rungs if isinstance(policy, Climb) else ()
    return Group(
        worker=worker,
        ladder=tuple(models[name] for name in stage.ladder),
        attempts=rungs[0].attempts if rungs else stage.attempts,
        most=most_attempts(rungs) if rungs else stage.most_attempts,
        policy=policy,
        forecaster=forecaster,
        rank=rank,
        check=check,
        release=release,
        swap_attempts=stage.swap_attempts,
        enough=enough,
        shared=shared,
    )
