"""One Plan: which models, how many attempts, which policy, under which limits, for each role or stage (contract 10).

Everything that decides about models reads this value: `--plan`, an allocation's export, the gateway's virtual models,
an organisation's roles. Knows nothing of files: `parse` takes what `tomllib` gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType

from parcae.core.errors import CallerMistake
from parcae.core.plan_fields import count, known, limits, number, shown, table, text
from parcae.core.plan_rungs import PricePlan, RungPlan, climb, most_attempts, price, refuse_impossible_climb
from parcae.core.usage import Limits

PLAN_VERSION = 1
_STAGE_KEYS = {
    "ladder",
    "attempts",
    "policy",
    "forecaster",
    "limits",
    "swap_attempts",
    "temperature",
    "max_steps",
    "climb",
    "price",
}
RULE = "rule"  # names the forecaster that needs no training
EMPLOYEE_TEMPERATURE = 0.2  # of an organisation's agents, unless a plan says otherwise
MOST_ATTEMPTS = 10_000  # at one task; each open one takes memory
MOST_TEMPERATURE = 2.0  # no provider takes more


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """How one role or stage runs.

    `ladder`: model names, cheapest first; attempts start at the first. `policy`: its short form, such as
    "parallel@4" (see `hotswap.policies`). `forecaster`: "rule", or the path of a fitted one; None takes the best that
    fits. `swap_attempts`: how many attempts go on after a swap; None means all. `climb` has one entry a rung if the
    policy is "climb"; `price` makes it weigh costs.
    """

    ladder: tuple[str, ...]
    attempts: int = 1
    policy: str = "none"
    forecaster: str | None = None
    limits: Limits = Limits()
    swap_attempts: int | None = None
    temperature: float = 0.8
    max_steps: int | None = None
    climb: tuple[RungPlan, ...] = ()
    price: PricePlan | None = None

    @property
    def most_attempts(self) -> int:
        """The most attempts at one task that the plan may begin, on all rungs, forks included."""
        if self.policy == "climb" and self.climb:
            return most_attempts(self.climb)
        fresh = (self.swap_attempts or 0) if self.policy.startswith("sequential@") else 0
        return self.attempts + fresh

    @property
    def planned(self) -> int:
        """How many attempts the plan begins with."""
        return self.climb[0].attempts if self.policy == "climb" and self.climb else self.attempts

    def beside(self, folder: Path) -> StagePlan:
        """The same; a forecaster that is named by a relative path lies in `folder`."""
        if self.forecaster is None or self.forecaster == RULE:
            return self
        return replace(self, forecaster=str(folder.resolve() / Path(self.forecaster).expanduser()))

    def alone(self, rung: int) -> StagePlan:
        """The model of `rung` alone, with as many attempts as the plan begins with, and a plain vote."""
        return replace(self, ladder=(self.ladder[rung],), attempts=self.planned, policy="none", climb=(), price=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A StagePlan for each role or stage; `default` serves every name that has none of its own."""

    default: StagePlan
    stages: Mapping[str, StagePlan] = field(default_factory=lambda: MappingProxyType({}))
    limits: Limits = Limits()

    def stage(self, name: str) -> StagePlan:
        """The plan of the role or stage `name`."""
        return self.stages.get(name, self.default)


def parse(document: Mapping[str, object], *, source: str = "the plan", possible: bool = True) -> Plan:
    """Read a plan from a parsed TOML document.

    `possible` False also reads plans that cannot work, as journals hold them from before such were refused.

    Raises:
        CallerMistake: an unknown key, a wrong type, a newer version or what cannot work, named with the cure.
    """
    version = document.get("version", PLAN_VERSION)
    if version != PLAN_VERSION:
        raise CallerMistake(f"{source} has version {shown(version)}, this Parcae reads {PLAN_VERSION}", "update Parcae")
    known(document, {"version", "default", "stages", "limits"}, source)
    stages = table(document.get("stages", {}), f"{source}: stages")
    parsed = {name: _stage(table(body, name), f"{source}: stages.{name}", possible) for name, body in stages.items()}
    if "default" in document:
        default = _stage(table(document["default"], "default"), f"{source}: default", possible)
    elif parsed:
        default = next(iter(parsed.values()))
    else:
        raise CallerMistake(f"{source} plans nothing", "give it a [default] or a [stages.NAME] table with a `ladder`")
    return Plan(default=default, stages=MappingProxyType(parsed), limits=limits(document.get("limits", {}), source))


def render(plan: Plan) -> str:
    """The plan as TOML; `parse(tomllib.loads(render(plan)))` gives it back."""
    lines = [
        f"version = {PLAN_VERSION}",
        *_render_limits("limits", plan.limits),
        *_render_stage("default", plan.default),
    ]
    for name, stage in plan.stages.items():
        lines += _render_stage(f"stages.{_quoted(name)}", stage)
    return "\n".join(lines) + "\n"


def _stage(body: Mapping[str, object], where: str, possible: bool) -> StagePlan:
    known(body, _STAGE_KEYS, where)
    ladder = body.get("ladder")
    if not isinstance(ladder, list) or not ladder or not all(isinstance(name, str) for name in ladder):
        raise CallerMistake(
            f"{where}: `ladder` must be a list of model names", 'for example ladder = ["builtin:small"]'
        )
    temperature = number(body, "temperature", where)
    stage = StagePlan(
        ladder=tuple(ladder),
        attempts=count(body, "attempts", where) or 1,
        policy=text(body, "policy", where) or "none",
        forecaster=text(body, "forecaster", where),
        limits=limits(body.get("limits", {}), where),
        swap_attempts=count(body, "swap_attempts", where),
        temperature=0.8 if temperature is None else temperature,
        max_steps=count(body, "max_steps", where),
        climb=climb(body.get("climb", []), where, len(ladder)),
        price=price(body.get("price"), where),
    )
    if possible:
        refuse_impossible(stage, where)
    return stage


def refuse_impossible(stage: StagePlan, where: str) -> None:
    """Make sure that `stage` can be run as it is meant; see `hotswap.policies` for what its policy may be.

    Raises:
        CallerMistake: what is wrong with which key, and the cure.
    """
    if not 0 <= stage.temperature <= MOST_TEMPERATURE:
        raise CallerMistake(
            f"{where}: `temperature` must be between 0 and {MOST_TEMPERATURE:g}, not {stage.temperature:g}",
            "leave it out for 0.8",
        )
    for key, value in (("climb", stage.climb), ("price", stage.price)):
        if value and stage.policy != "climb":
            raise CallerMistake(
                f"{where}: the policy is {shown(stage.policy)}, which reads no `{key}`",
                f'write policy = "climb", or leave `{key}` out',
            )
    refuse_impossible_climb(stage.climb, stage.price, where)
    most = max(stage.most_attempts, *(rung.batch for rung in stage.climb), stage.swap_attempts or 1, 1)
    if most > MOST_ATTEMPTS:
        raise CallerMistake(
            f"{where}: `attempts`, `keep`, `forks`, `batch` or `swap_attempts` make more than {MOST_ATTEMPTS:,} "
            f"attempts at one task ({shown(most)})",
            "plan fewer",
        )


def _render_stage(name: str, stage: StagePlan) -> list[str]:
    ladder = ", ".join(_quoted(model) for model in stage.ladder)
    lines = [
        "",
        f"[{name}]",
        f"ladder = [{ladder}]",
        f"attempts = {stage.attempts}",
        f"policy = {_quoted(stage.policy)}",
    ]
    if stage.forecaster is not None:
        lines.append(f"forecaster = {_quoted(stage.forecaster)}")
    if stage.swap_attempts is not None:
        lines.append(f"swap_attempts = {stage.swap_attempts}")
    if stage.max_steps is not None:
        lines.append(f"max_steps = {stage.max_steps}")
    lines.append(f"temperature = {stage.temperature}")
    lines += _render_limits(f"{name}.limits", stage.limits)
    if stage.price is not None:
        lines += ["", f"[{name}.price]", *_fields(stage.price)]
    for rung in stage.climb:
        lines += ["", f"[[{name}.climb]]", *_fields(rung)]
    return lines


def _fields(value: RungPlan | PricePlan) -> list[str]:
    known = {one.name: getattr(value, one.name) for one in fields(value)}
    return [f"{key} = {_literal(what)}" for key, what in known.items() if what is not None]


def _literal(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return _quoted(value) if isinstance(value, str) else str(value)


def _render_limits(name: str, limits: Limits) -> list[str]:
    known = {unit: getattr(limits, unit) for unit in ("usd", "tokens", "calls", "seconds")}
    lines = [f"{unit} = {value}" for unit, value in known.items() if value is not None]
    return ["", f"[{name}]", *lines] if lines else []


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML escapes as JSON does, and one more
