"""A user's own plan as a curve of one point: its policy, walked over recordings as live groups would run it.

Agents and temperature are those of the recordings. Knows nothing of files of plans or of frontiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from parcae.core.errors import CallerMistake
from parcae.core.plan import RULE, StagePlan
from parcae.core.task import Task
from parcae.hotswap.climb import Climb
from parcae.hotswap.curves import Contender, WatchOf
from parcae.hotswap.ladders import facts_of
from parcae.hotswap.recorded import Deck
from parcae.hotswap.replay import NotRecorded, StepWatch
from parcae.hotswap.supervisor import checked_policy
from parcae.prediction.belief import BeliefForecaster, is_belief, load_belief
from parcae.prediction.fitted import load
from parcae.prediction.rule import RuleForecaster


def recorded_ladder(stage: StagePlan, models: Sequence[str]) -> tuple[str, ...]:
    """The recorded model for each rung: the one of that name, or of what follows its provider ("openai:gpt-4o").

    Raises:
        CallerMistake: there is none.
    """
    for name in stage.ladder:
        if name not in models and name.partition(":")[2] not in models:
            raise CallerMistake(
                f"the plan's ladder names {name!r}, which is neither --target nor one of --sources",
                f"name one of {', '.join(models)} there, or add the model to --sources",
            )
    return tuple(_recorded(name, models) for name in stage.ladder)


def _recorded(name: str, models: Sequence[str]) -> str:
    """What recordings call the model that Parcae opens as `name`."""
    return name if name in models else name.partition(":")[2]


def planned(name: str, stage: StagePlan, decks: Sequence[Deck], models: Sequence[str]) -> Contender:
    """The curve "plan NAME".

    Raises:
        CallerMistake: a policy, a forecaster or a rung that does not exist.
        NotRecorded: the plan limits attempts as no recorded attempt was.
    """
    policy, ladder = checked_policy(stage), recorded_ladder(stage, models)
    _refuse_limits(stage, decks, ladder)
    attempts = stage.climb[0].attempts if isinstance(policy, Climb) else stage.attempts
    return Contender(
        curve=f"plan {name}",
        name=f"{stage.policy} on {' to '.join(ladder)}, from {attempts} attempts",
        policy=policy,
        ladder=ladder,
        attempts=attempts,
        watch=_watch_of(stage, attempts, models),
        swap_attempts=stage.swap_attempts,
        stage=stage,
        most_usd=stage.limits.usd,
    )


def _refuse_limits(stage: StagePlan, decks: Sequence[Deck], ladder: Sequence[str]) -> None:
    limits = stage.limits
    for unit in ("tokens", "calls", "seconds"):
        if getattr(limits, unit) is not None:
            raise NotRecorded(f"what a limit of {unit} would stop was not recorded", "limit US dollars, or nothing")
    longest = max(len(one.steps) for deck in decks for model in ladder for one in deck.attempts[model])
    if stage.max_steps is not None and stage.max_steps < longest:
        raise NotRecorded(
            f"attempts of at most {stage.max_steps} steps were not recorded: the longest has {longest}",
            f"leave max_steps out, or give {longest} or more",
        )


def _watch_of(stage: StagePlan, attempts: int, models: Sequence[str]) -> WatchOf:
    """What forecasts for the plan; where it names nothing, the rule: what a home has trained is of other agents."""
    file = None if stage.forecaster in (None, RULE) else Path(str(stage.forecaster)).expanduser()
    belief = load_belief(file) if file is not None and is_belief(file) else None
    if belief is not None:
        belief = replace(belief, models=tuple(_recorded(name, models) for name in belief.models))
    trained = RuleForecaster() if file is None or belief is not None else load(file)

    def watch(deck: Deck) -> StepWatch:
        task = Task(id=deck.task.id, kind="recorded", question="", covering=deck.task.covering)
        own = trained if belief is None else BeliefForecaster(belief=belief, facts=lambda task: facts_of(deck))
        return StepWatch(own.watch(task, attempts))

    return watch
