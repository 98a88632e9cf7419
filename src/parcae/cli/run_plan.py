"""What a plan means for `parcae run`: the Worker of each role, its forecaster, and the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from parcae.agents.role import Role
from parcae.cli.ladder import read_plan, refuse_unfit
from parcae.cli.session import text_of
from parcae.cli.settings import Setting
from parcae.core.errors import CallerMistake
from parcae.core.plan import EMPLOYEE_TEMPERATURE, Plan, StagePlan
from parcae.core.protocols import Forecaster, Model, Worker
from parcae.hotswap.supervisor import checked_policy, supervise
from parcae.organization.job import Employ, stage_of
from parcae.organization.several import ALL_PASS, Seams
from parcae.organization.staff import RANKS


def plan_from(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> Plan:
    """The plan file that was named, or the same ladder for everybody.

    Raises:
        CallerMistake: the plan cannot be read, a role has a policy or a forecaster that cannot work, or there is no
            model.
    """
    file = flags["plan"]
    if isinstance(file, Path):
        plan = read_plan(file)
        for rank in RANKS:
            checked_policy(stage_of(plan, rank))
            refuse_unfit(stage_of(plan, rank), settings)
        return plan
    ladder = names_of(text_of(settings, "models"))
    if not ladder:
        raise CallerMistake("no model was named", "give --models, for example --models builtin:large")
    return Plan(default=StagePlan(ladder=ladder, temperature=EMPLOYEE_TEMPERATURE))


def employer(home: Path) -> Employ:
    """Makes a single agent into what a stage of a plan says; trained forecasters are looked for in `home`."""

    def employ(worker: Worker, role: Role, stage: StagePlan, models: Mapping[str, Model], seams: Seams) -> Worker:
        several = seams.check is not None and stage.most_attempts > 1
        own = stage if several else lone(stage)
        if not several and own.policy == "none":
            return worker
        forecaster = seams.alarmed(_fitting(stage.forecaster, home, role))
        if not several:
            return supervise(worker, own, models, forecaster, shared=True)
        return supervise(worker, own, models, forecaster, check=seams.check, release=seams.release, enough=ALL_PASS)

    return employ


def lone(stage: StagePlan) -> StagePlan:
    """`stage` with one attempt, which may still be stopped or swapped on its way; a climb swaps at its first look."""
    looks = stage.climb[0].look if stage.climb and len(stage.ladder) > 1 else ()
    policy = f"parallel@{looks[0]}" if stage.policy == "climb" and looks else stage.policy
    swaps = policy.startswith(("parallel@", "stop@"))
    return replace(stage, attempts=1, climb=(), price=None, policy=policy if swaps else "none")


def said_of(stage: StagePlan) -> str:
    """How a role works, for people; "" for one attempt without a policy."""
    if stage.most_attempts == 1 and stage.policy == "none":
        return ""
    return f", up to {stage.most_attempts} attempts where a task has checks, policy {stage.policy}"


def names_of(value: object) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(part.strip() for part in str(value or "").split(",") if part.strip())


def _fitting(named: str | None, home: Path, role: Role) -> Forecaster:
    from parcae.prediction.shelf import forecaster_fitting

    return forecaster_fitting(named, home=home, tools=[tool.spec.name for tool in role.tools])[0]
