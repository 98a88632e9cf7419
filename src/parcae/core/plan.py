"""One Plan: which models, how many attempts, which policy, under which limits, for each role or stage (contract 10).

Everything that decides about models reads this value: `--plan`, an allocation's export, the gateway's virtual models,
an organisation's roles. Knows nothing of files: `parse` takes what `tomllib` gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Literal, get_args

from parcae.core.errors import CallerMistake
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
_RUNG_KEYS = {
    "attempts",
    "batch",
    "weight",
    "look",
    "swap_above",
    "enough",
    "sure",
    "hopeless",
    "then",
    "keep",
    "forks",
    "order",
    "patience",
    "after",
}
_PRICE_KEYS = {"solved_usd", "gain", "fades", "belief", "attempt_usd"}
EMPLOYEE_TEMPERATURE = 0.2  # of an organisation's agents, unless a plan says otherwise
CLIMB_CURE = "for example, for a ladder of two: [[default.climb]] attempts = 3, then [[default.climb]] attempts = 5"
Move = Literal["start", "resume", "fork"]
Order = Literal["steps", "forecast"]
After = Literal["climb", "answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RungPlan:
    """What the policy "climb" does on one rung of the ladder.

    At most `attempts` fresh attempts, `batch` of them between two looks; each vote counts `weight`. It ends with an
    answer when the first name leads by `enough` attempts or is right with probability `sure`, and without more
    spending when the best is less likely than `hopeless`. Open attempts are also looked at after `look` steps: if the
    vote is lost with more than `swap_above`, the next rung takes over as `then` says. "start": fresh attempts.
    "resume": at most `keep` of the open ones go on from where they are. "fork": `keep` of them do (one, if it does not
    say), each as `forks` futures (two, if it does not say) that share what was done so far. `order` says which come
    first: those with the fewest "steps" (if it does not say), or those that the "forecast" finds most promising.
    An attempt that has made `patience` steps without ending is given up once another on its rung has answered: what
    takes long costs most and is seldom right. When all its attempts have ended, the next rung begins: "climb", which is
    what it does if it does not say; with `after` "answer" it begins only if a look finds the vote lost.
    """

    attempts: int = 1
    batch: int = 1
    weight: float = 1.0
    look: tuple[int, ...] = ()
    swap_above: float = 0.5
    enough: float | None = None
    sure: float | None = None
    hopeless: float | None = None
    then: Move = "start"
    keep: int | None = None
    forks: int | None = None
    order: Order | None = None
    patience: int | None = None
    after: After | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePlan:
    """When one more attempt pays: if its expected gain in solved tasks is worth more than its expected cost.

    The gain is `gain` at a tie and falls by e for every `fades` attempts by which the first name leads; a solved task
    is worth `solved_usd`. In the lead, `belief` says how many attempts a name counts that is surely right. A next
    attempt costs what those on its rung cost so far, on average; `attempt_usd` before there is one.
    """

    solved_usd: float
    gain: float = 0.3
    fades: float = 0.3
    belief: float = 1.0
    attempt_usd: float | None = None


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
    def planned(self) -> int:
        """How many attempts the plan begins with."""
        return self.climb[0].attempts if self.policy == "climb" and self.climb else self.attempts

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


def parse(document: Mapping[str, object], *, source: str = "the plan") -> Plan:
    """Read a plan from a parsed TOML document.

    Raises:
        CallerMistake: an unknown key, a wrong type or a newer version, named with the cure.
    """
    version = document.get("version", PLAN_VERSION)
    if version != PLAN_VERSION:
        raise CallerMistake(f"{source} has version {version!r}, this Parcae reads {PLAN_VERSION}", "update Parcae")
    _known(document, {"version", "default", "stages", "limits"}, source)
    stages = _table(document.get("stages", {}), f"{source}: stages")
    parsed = {name: _stage(_table(body, name), f"{source}: stages.{name}") for name, body in stages.items()}
    if "default" in document:
        default = _stage(_table(document["default"], "default"), f"{source}: default")
    elif parsed:
        default = next(iter(parsed.values()))
    else:
        raise CallerMistake(f"{source} plans nothing", "give it a [default] or a [stages.NAME] table with a `ladder`")
    return Plan(default=default, stages=MappingProxyType(parsed), limits=_limits(document.get("limits", {}), source))


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


def _stage(body: Mapping[str, object], where: str) -> StagePlan:
    _known(body, _STAGE_KEYS, where)
    ladder = body.get("ladder")
    if not isinstance(ladder, list) or not ladder or not all(isinstance(name, str) for name in ladder):
        raise CallerMistake(
            f"{where}: `ladder` must be a list of model names", 'for example ladder = ["builtin:small"]'
        )
    return StagePlan(
        ladder=tuple(ladder),
        attempts=_count(body, "attempts", where) or 1,
        policy=_text(body, "policy", where) or "none",
        forecaster=_text(body, "forecaster", where),
        limits=_limits(body.get("limits", {}), where),
        swap_attempts=_count(body, "swap_attempts", where),
        temperature=_number(body, "temperature", where, 0.8),
        max_steps=_count(body, "max_steps", where),
        climb=_climb(body.get("climb", []), where, len(ladder)),
        price=_price(body.get("price"), where),
    )


def _climb(body: object, where: str, rungs: int) -> tuple[RungPlan, ...]:
    if not isinstance(body, list) or (body and len(body) != rungs):
        raise CallerMistake(f"{where}: `climb` must have one table a rung of the ladder ({rungs})", CLIMB_CURE)
    climb = tuple(_rung(_table(rung, f"{where}: climb"), f"{where}: climb[{i}]") for i, rung in enumerate(body))
    if climb and climb[-1].then == "fork":
        raise CallerMistake(
            f'{where}: climb[{rungs - 1}]: `then` is "fork", but no rung comes after it that could take the forks over',
            "add a model to the ladder, with a table of its own; it may be the same model again",
        )
    return climb


def _rung(body: Mapping[str, object], where: str) -> RungPlan:
    _known(body, _RUNG_KEYS, where)
    looks, then, order = body.get("look", []), body.get("then", "start"), body.get("order")
    if not isinstance(looks, list) or not all(type(look) is int and look > 0 for look in looks):
        raise CallerMistake(f"{where}: `look` must be a list of steps from 1, not {looks!r}")
    if then not in get_args(Move):
        raise CallerMistake(f"{where}: `then` is {then!r}", f"use one of {', '.join(get_args(Move))}")
    _consistent(body, then, order, where)
    return RungPlan(
        attempts=_count(body, "attempts", where) or 1,
        batch=_count(body, "batch", where) or 1,
        weight=_positive(body, "weight", where, 1.0) or 0.0,
        look=tuple(sorted(looks)),
        swap_above=_positive(body, "swap_above", where, 0.5) or 0.0,
        enough=_positive(body, "enough", where),
        sure=_positive(body, "sure", where),
        hopeless=_positive(body, "hopeless", where),
        then=then,  # type: ignore[arg-type]  # checked above
        keep=_count(body, "keep", where),
        forks=_count(body, "forks", where),
        order=order,  # type: ignore[arg-type]  # checked above
        patience=_count(body, "patience", where),
        after=_after(body, where),
    )


def _after(body: Mapping[str, object], where: str) -> After | None:
    after = body.get("after")
    if after is not None and after not in get_args(After):
        raise CallerMistake(f"{where}: `after` is {after!r}", f"use one of {', '.join(get_args(After))}")
    return after  # type: ignore[return-value]  # checked above


def _consistent(body: Mapping[str, object], then: object, order: object, where: str) -> None:
    """Refuse what would have no effect: `forks` without a fork, `order` where nobody goes on."""
    if order is not None and order not in get_args(Order):
        raise CallerMistake(f"{where}: `order` is {order!r}", f"use one of {', '.join(get_args(Order))}")
    if order is not None and then == "start":
        raise CallerMistake(
            f"{where}: `order` says which open attempts go on, but none does",
            'write then = "resume" or then = "fork", or leave `order` out',
        )
    if "forks" in body and then != "fork":
        raise CallerMistake(
            f"{where}: `forks` says how many futures a fork has, but `then` is {then!r}",
            'write then = "fork", or leave `forks` out',
        )
    if body.get("forks") == 1:
        raise CallerMistake(f"{where}: a fork has two futures or more", 'for one future write then = "resume"')


def _price(body: object, where: str) -> PricePlan | None:
    if body is None:
        return None
    table, where = _table(body, f"{where}: price"), f"{where}: price"
    _known(table, _PRICE_KEYS, where)
    solved_usd, fades = _positive(table, "solved_usd", where), _positive(table, "fades", where, 0.3)
    if solved_usd is None or not fades:
        raise CallerMistake(
            f"{where}: what a solved task is worth is missing, or `fades` is 0", "give solved_usd = 1.0"
        )
    return PricePlan(
        solved_usd=solved_usd,
        gain=_positive(table, "gain", where, 0.3) or 0.0,
        fades=fades,
        belief=_positive(table, "belief", where, 1.0) or 0.0,
        attempt_usd=_positive(table, "attempt_usd", where),
    )


def _limits(body: object, where: str) -> Limits:
    table = _table(body, f"{where}: limits")
    _known(table, {"usd", "tokens", "calls", "seconds"}, f"{where}: limits")
    for unit, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise CallerMistake(f"{where}: limits.{unit} must be a number of 0 or more, not {value!r}")
    return Limits(**table)  # type: ignore[arg-type]  # names and types were checked above


def _known(table: Mapping[str, object], names: set[str], where: str) -> None:
    for key in table:
        if key not in names:
            raise CallerMistake(f"{where}: unknown key `{key}`", f"known are {', '.join(sorted(names))}")


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise CallerMistake(f"{where} must be a table, not {value!r}")
    return value


def _count(body: Mapping[str, object], key: str, where: str) -> int | None:
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CallerMistake(f"{where}: `{key}` must be a whole number of 1 or more, not {value!r}")
    return value


def _text(body: Mapping[str, object], key: str, where: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise CallerMistake(f"{where}: `{key}` must be text, not {value!r}")
    return value


def _positive(body: Mapping[str, object], key: str, where: str, default: float | None = None) -> float | None:
    if body.get(key, default) is None:
        return None
    value = _number(body, key, where, 0.0 if default is None else default)
    if not 0 <= value < float("inf"):
        raise CallerMistake(f"{where}: `{key}` must be a number of 0 or more, not {value!r}")
    return value


def _number(body: Mapping[str, object], key: str, where: str, default: float) -> float:
    value = body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CallerMistake(f"{where}: `{key}` must be a number, not {value!r}")
    return float(value)


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
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
