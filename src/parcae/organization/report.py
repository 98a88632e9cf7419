"""What a company made, by whom, at what cost, what went wrong and how it was cured: read from the journal alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from parcae.core.events import Decided, Forecasted, Reserved, RunStarted, Settled, StepCompleted, StepReplied
from parcae.core.protocols import Journal, JsonValue, ModelCard
from parcae.core.trajectory import Ending
from parcae.core.usage import Usage
from parcae.jobs.report import ModelCost
from parcae.organization import events as told
from parcae.organization.chart import Employee
from parcae.organization.limits import CompanyLimits
from parcae.organization.office import Office, reopened
from parcae.workspace import Opened, changed_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What one employee did. `cost_usd` None: a price is unknown."""

    name: str
    by: str
    role: str
    task: str
    status: str
    depth: int
    turns: int
    steps: int
    cost_usd: float | None
    models: tuple[str, ...]
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFile:
    """A file that is there now, and who changed it last, in which step."""

    path: str
    author: str
    step: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """One agent alone at the same goal."""

    status: str
    cost_usd: float | None
    steps: int
    seconds: float
    answer: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The whole of a `parcae run`. `merge` is the command that brings its files into the user's own branch.

    `decisions`: what was decided about attempts at turns, each with the forecast (0 to 1) that it was made on.
    """

    run: str
    goal: str
    status: str
    detail: str
    answer: tuple[str, ...]
    depth: int
    cost_usd: float | None
    seconds: float
    employees: tuple[Worked, ...]
    by_model: Mapping[str, ModelCost]
    files: tuple[MadeFile, ...]
    incidents: tuple[told.Noticed, ...]
    reviews: tuple[told.Reviewed, ...]
    decisions: tuple[tuple[Decided, float], ...] = ()
    money_incidents: tuple[str, ...] = ()
    single: Single | None = None
    merge: str = ""
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Who tried a goal, and what came of it: a row of a comparison."""

    who: str
    status: str
    cost_usd: float | None
    seconds: float
    steps: int
    result: str


def side_by_side(report: RunReport) -> tuple[Tried, ...]:
    """The organisation and the one agent alone at the same goal; empty if none ran beside it."""
    single = report.single
    if single is None:
        return ()
    company = Tried(
        who=f"the organisation ({len(report.employees)} agents)",
        status=report.status,
        cost_usd=report.cost_usd,
        seconds=report.seconds,
        steps=sum(one.steps for one in report.employees),
        result="".join(report.answer[:1]),
    )
    alone = Tried(
        who="one agent alone",
        status=single.status,
        cost_usd=single.cost_usd,
        seconds=single.seconds,
        steps=single.steps,
        result="".join(single.answer[:1]),
    )
    return company, alone


async def report_of(run: str, journal: Journal, cards: Mapping[str, ModelCard], opened: Opened | None) -> RunReport:
    """The report of `run` as its journal stands now."""
    office = await office_of(f"{run}/company", journal)
    replied = await journal.read(run, [StepReplied])
    steps = [one for one in replied if not one.event.scope.startswith(f"{run}/single")]
    alone = [one for one in replied if one.event.scope.startswith(f"{run}/single")]
    began = await journal.read(run, [RunStarted], below=False)
    last = await journal.read(f"{run}/company", [StepCompleted], below=False)
    ending = last[-1].event.ending if last else None
    incidents = await journal.read(run, [told.Noticed])
    reviews = await journal.read(run, [told.Reviewed])
    settled = await journal.read(run, [Settled])
    return RunReport(
        run=run,
        goal=began[0].event.task.question if began else "",
        status=_status(ending),
        detail="" if ending is None else ending.detail,
        answer=() if ending is None else ending.answer,
        depth=office.chart.depth,
        cost_usd=_sum([one.event.cost_usd for one in steps]),
        seconds=(last[-1].at - began[0].at) if began and last else 0.0,
        employees=_employees(office, [one.event for one in steps]),
        by_model=_by_model([one.event for one in replied], cards),
        files=_files(opened),
        incidents=tuple(one.event for one in incidents),
        reviews=tuple(one.event for one in reviews),
        decisions=await _decisions(run, journal),
        money_incidents=tuple(one.event.incident for one in settled if one.event.incident is not None),
        single=await _single(run, journal, [one.event for one in alone]) if alone else None,
        merge="" if opened is None else opened.merge_command,
    )


def document(report: RunReport) -> dict[str, JsonValue]:
    """The report as plain JSON values, under `schema: "parcae.run-report/1"`."""
    return {
        "schema": "parcae.run-report/1",
        "run": report.run,
        "goal": report.goal,
        "status": report.status,
        "detail": report.detail,
        "answer": list(report.answer),
        "agents": len(report.employees),
        "depth": report.depth,
        "cost_usd": report.cost_usd,
        "seconds": report.seconds,
        "by_agent": [_worked(one) for one in report.employees],
        "by_model": {name: _model(cost) for name, cost in report.by_model.items()},
        "files": [{"path": one.path, "author": one.author, "step": one.step} for one in report.files],
        "incidents": [
            {"who": _name(one.scope), "detector": one.detector, "what": one.what, "cure": one.cure, "level": one.level}
            for one in report.incidents
        ],
        "reviews": [
            {
                "who": _name(one.scope),
                "by": one.by,
                "accepted": one.accepted,
                "reasons": one.reasons,
                "agreement": one.agreement,
                "cost_usd": one.cost_usd,
            }
            for one in report.reviews
        ],
        "decisions": [_decision(one, p_fail) for one, p_fail in report.decisions],
        "money_incidents": list(report.money_incidents),
        "single": None if report.single is None else _single_document(report.single),
        "merge": report.merge,
        "notes": list(report.notes),
    }


async def _decisions(run: str, journal: Journal) -> tuple[tuple[Decided, float], ...]:
    """What was decided at each look of a group, with what was forecast at the same look."""
    decided = [one.event for one in await journal.read(run, [Decided])]
    forecasts = [one.event for one in await journal.read(run, [Forecasted])]
    p_fails = {(one.scope, one.looked_at): one.p_fail for one in forecasts}
    return tuple((one, p_fails[one.scope, one.looked_at]) for one in decided if one.action != "carry_on")


def _decision(one: Decided, p_fail: float) -> JsonValue:
    who, turn = told_turn(one.scope)
    return {"who": who, "turn": turn, "action": one.action, "rung": one.rung, "p_fail": p_fail, "why": one.why}


def told_turn(scope: str) -> tuple[str, str]:
    """Whose scope this is, and the number of its turn; "" if it belongs to none."""
    turn = next((name for name in scope.split("/") if name.startswith("turn-")), "turn-")
    return author_of(scope), turn.removeprefix("turn-")


async def office_of(scope_id: str, journal: Journal) -> Office:
    """The organisation as its journal tells it, to look at; it cannot act."""
    from parcae.core.clock import WallClock
    from parcae.core.scope import Scope
    from parcae.ledger.account import free_account

    scope = Scope(id=scope_id, account=free_account(scope_id), journal=journal, clock=WallClock(), seed=0)
    return await reopened(scope, CompanyLimits())


def _status(ending: Ending | None) -> str:
    if ending is None:
        return "cancelled"
    return "done" if ending.reason == "answered" else ending.reason


def _employees(office: Office, steps: Sequence[StepReplied]) -> tuple[Worked, ...]:
    mine: dict[str, list[StepReplied]] = {}
    for step in steps:
        who = office.chart.of_scope(step.scope)
        if who is not None:
            mine.setdefault(who.name, []).append(step)
    return tuple(_one(office, who, mine.get(who.name, [])) for who in office.chart.employees.values())


def _one(office: Office, who: Employee, steps: Sequence[StepReplied]) -> Worked:
    return Worked(
        name=who.name,
        by=who.by,
        role=who.order.role,
        task=who.order.task,
        status=who.status,
        depth=who.depth,
        turns=office.turns.get(who.name, 0),
        steps=len(steps),
        cost_usd=_sum([step.cost_usd for step in steps]),
        models=tuple(dict.fromkeys(step.model for step in steps)),
        result="" if who.result is None else who.result.summary,
    )


def _by_model(steps: Sequence[StepReplied], cards: Mapping[str, ModelCard]) -> dict[str, ModelCost]:
    calls = Counter(step.model for step in steps)
    usage: dict[str, Usage] = {}
    for step in steps:
        usage[step.model] = usage.get(step.model, Usage()) + step.usage
    return {
        name: ModelCost(
            calls=count,
            usage=usage[name],
            cost_usd=_sum([step.cost_usd for step in steps if step.model == name]),
            nominal=_nominal(cards.get(name)),
        )
        for name, count in sorted(calls.items())
    }


def _nominal(card: ModelCard | None) -> bool:
    return card is not None and card.price is not None and card.price.nominal


def _files(opened: Opened | None) -> tuple[MadeFile, ...]:
    if opened is None:
        return ()
    return tuple(
        MadeFile(path=path, author=author_of(change.author), step=change.step)
        for path, change in changed_files(opened.main).items()
    )


async def _single(run: str, journal: Journal, steps: Sequence[StepReplied]) -> Single:
    done = await journal.read(f"{run}/single", [StepCompleted], below=False)
    calls = await journal.read(f"{run}/single", [Reserved], below=False)
    times = [*(one.at for one in done[:1]), *(one.at for one in calls[:1])]
    ending = done[-1].event.ending if done else None
    return Single(
        status=_status(ending),
        cost_usd=_sum([step.cost_usd for step in steps]),
        steps=len(steps),
        seconds=done[-1].at - min(times) if done else 0.0,  # its first call begins before its first step ends
        answer=() if ending is None else ending.answer,
    )


def _sum(costs: Sequence[float | None]) -> float | None:
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def author_of(scope: str) -> str:
    """The employee behind the scope of a turn or of one of its attempts."""
    names = [name for name in scope.split("/") if not name.startswith(("turn-", "attempt-"))]
    return names[-1] if names else scope


def _name(scope: str) -> str:
    return scope.rpartition("/")[2]


def _worked(one: Worked) -> JsonValue:
    return {
        "name": one.name,
        "by": one.by,
        "role": one.role,
        "task": one.task,
        "status": one.status,
        "depth": one.depth,
        "turns": one.turns,
        "steps": one.steps,
        "cost_usd": one.cost_usd,
        "models": list(one.models),
        "result": one.result,
    }


def _model(cost: ModelCost) -> JsonValue:
    return {
        "calls": cost.calls,
        "prompt_tokens": cost.usage.prompt_tokens,
        "cached_tokens": cost.usage.cached_tokens,
        "completion_tokens": cost.usage.completion_tokens,
        "cost_usd": cost.cost_usd,
        "nominal": cost.nominal,
    }


def _single_document(single: Single) -> JsonValue:
    return {
        "status": single.status,
        "cost_usd": single.cost_usd,
        "steps": single.steps,
        "seconds": single.seconds,
        "answer": list(single.answer),
    }
