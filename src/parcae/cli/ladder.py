"""From flags, settings or a plan file to the stage of a Plan that a command runs."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from parcae.cli.session import cards_only, text_of
from parcae.cli.settings import Setting
from parcae.core.errors import CallerMistake
from parcae.core.plan import RULE, Plan, StagePlan, parse, refuse_impossible
from parcae.core.usage import Limits


def stage_from(
    settings: Mapping[str, Setting], name: str, *, plan: Path | None, swap_attempts: int | None
) -> StagePlan:
    """The stage `name` of the plan file with every limit that holds for it, or one made of settings.

    Settings are `models`, `samples` and `swap`.

    Raises:
        CallerMistake: the plan cannot be read, or the settings make none.
    """
    if plan is not None:
        whole = read_plan(plan)
        stage = whole.stage(name)
        return replace(stage, limits=stage.limits.tightest(whole.limits))
    ladder = tuple(part.strip() for part in text_of(settings, "models").split(",") if part.strip())
    if not ladder:
        raise CallerMistake("no model was named", "give --models, for example --models builtin:small,builtin:large")
    samples = settings["samples"].value
    assert isinstance(samples, int)
    if samples < 1:
        raise CallerMistake(f"`samples` must be 1 or more, not {samples}", "give --samples 10")
    policy = text_of(settings, "swap") or "none"
    stage = StagePlan(ladder=ladder, attempts=samples, policy=policy, swap_attempts=swap_attempts)
    refuse_impossible(stage, "the settings")
    return stage


def budget_of(limits: Limits, settings: Mapping[str, Setting]) -> float | None:
    """US dollars that a run may spend: the tighter of a plan's limit and the budget; None if neither sets any.

    The default budget is nobody's word: a plan's limit takes its place.
    """
    budget = settings["budget"]
    assert isinstance(budget.value, float)
    if budget.value != budget.value or budget.value < 0:
        raise CallerMistake(f"the budget must be US dollars of 0 or more, not {budget.value!r}", "give --budget 1.0")
    if budget.origin == "default" and limits.usd is not None:
        return limits.usd
    return limits.tightest(Limits(usd=budget.value if math.isfinite(budget.value) else None)).usd


def read_plan(file: Path) -> Plan:
    """A plan from a TOML file; a forecaster that it names by a relative path lies beside that file.

    Raises:
        CallerMistake: there is no such file, it is no TOML, or no plan.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallerMistake(f"{file} cannot be read as a plan: {error}", "see docs/guide/plans.md") from None
    except (ValueError, RecursionError) as error:
        what = "its lists lie too deep" if isinstance(error, RecursionError) else "a number has thousands of digits"
        raise CallerMistake(f"{file} cannot be read as a plan: {what}", "see docs/guide/plans.md") from None
    plan = parse(document, source=str(file))
    folder = file.resolve().parent
    stages = {name: stage.beside(folder) for name, stage in plan.stages.items()}
    return replace(plan, default=plan.default.beside(folder), stages=MappingProxyType(stages))


def refuse_unfit(stage: StagePlan, settings: Mapping[str, Setting]) -> None:
    """Make sure that the forecaster which `stage` names can be used with its ladder, before anything is paid.

    Raises:
        CallerMistake: its file is missing, damaged or of another version, or it knows other models.
    """
    if stage.forecaster is None or stage.forecaster == RULE:
        return
    from parcae.prediction.belief import BeliefForecaster, refuse_strangers
    from parcae.prediction.shelf import forecaster_fitting

    forecaster, _ = forecaster_fitting(stage.forecaster, home=Path(), tools=())
    if isinstance(forecaster, BeliefForecaster):
        card = cards_only(settings)
        refuse_strangers(forecaster.belief, [card(name).card.name for name in stage.ladder])
