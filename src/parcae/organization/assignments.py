"""What a past run tells of its roles: who did which task, on which model, for how much, and whether it was accepted.

One assignment is one employee at its task, up to the first verdict on what it handed in; what came later mended it.
Read from the journal alone. Knows nothing of what is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from parcae.core.events import OutcomeGiven, RunStarted, StepReplied
from parcae.core.protocols import Event, Journal
from parcae.organization.chart import Employee, same_words
from parcae.organization.events import HandedIn, Hired, Reviewed
from parcae.organization.job import COMMAND, COMPANY
from parcae.organization.lessons import outcomes_of_turns
from parcae.organization.office import Office
from parcae.organization.report import office_of
from parcae.organization.results import CHECKS

SEVERAL, UNFINISHED, HEIR = "done in several attempts", "without a verdict", "taken over from somebody else"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """`accepted`: the verdict on the first result, None if nobody gave one; `source` says who gave it.

    Whoever was swapped to another model or replaced before a verdict did not do it: `accepted` is False. `passed`: what
    the task's own checks said, None if it has none. `first_usd`: the cost up to the verdict; `whole_usd`: of everything
    that the employee did, mending included; None where a price is unknown. `left_out`: why it tells nothing of a single
    attempt on `model`; "" if it does.
    """

    run: str
    goal: str
    workspace: str
    role: str
    task: str
    model: str
    accepted: bool | None
    source: str
    passed: bool | None
    first_usd: float | None
    whole_usd: float | None
    left_out: str = ""


async def assignments_of(run: str, journal: Journal) -> tuple[Assignment, ...]:
    """Every assignment of `run` in the order of the hires; empty if it is no run of an organisation."""
    began = await journal.read(run, [RunStarted], below=False)
    if not began or began[0].event.command != COMMAND:
        return ()
    office = await office_of(f"{run}/{COMPANY}", journal)
    kinds: tuple[type[Event], ...] = (Hired, HandedIn, Reviewed)
    told = [one.event for one in await journal.read(f"{run}/{COMPANY}", kinds)]
    steps = [one.event for one in await journal.read(f"{run}/{COMPANY}", [StepReplied])]
    given = [one.event for one in await journal.read(run, [OutcomeGiven])]
    verdicts = {one.scope: one for one in outcomes_of_turns(told)} | {one.scope: one for one in given}
    start = began[0].event
    common = {"run": run, "goal": start.task.question, "workspace": start.options.get("workspace", "")}
    mine = _by_employee(office, steps)
    handed = [one for one in told if isinstance(one, HandedIn)]
    found = []
    for who in office.chart.employees.values():
        if own := mine.get(who.name):
            found.append(_assignment(office, who, own, verdicts, handed, common))
    return tuple(_of_the_whole(one, verdicts.get(run)) if one.role == "boss" else one for one in found)


def _by_employee(office: Office, steps: Sequence[StepReplied]) -> dict[str, list[StepReplied]]:
    mine: dict[str, list[StepReplied]] = {}
    for step in steps:
        who = office.chart.of_scope(step.scope)
        if who is not None:
            mine.setdefault(who.name, []).append(step)
    return mine


def _assignment(
    office: Office,
    who: Employee,
    steps: Sequence[StepReplied],
    verdicts: Mapping[str, OutcomeGiven],
    handed: Sequence[HandedIn],
    common: Mapping[str, str],
) -> Assignment:
    turns = range(1, office.turns.get(who.name, 0) + 1)
    judged = next((turn for turn in turns if f"{who.scope}/turn-{turn}" in verdicts), None)
    first = [step for step in steps if judged is None or _turn(who, step.scope) <= judged]
    verdict = None if judged is None else verdicts[f"{who.scope}/turn-{judged}"]
    models = list(dict.fromkeys(step.model for step in first))
    gave_up = len(models) > 1 or (verdict is None and any(one.replaces == who.name for one in _everybody(office)))
    results = [one for one in handed if judged is not None and one.key.startswith(f"{who.scope}/turn-{judged}/")]
    return Assignment(
        **common,
        role=who.rank,
        task=same_words(who.order.task),
        model=models[0],
        accepted=False if gave_up else None if verdict is None else verdict.success,
        source="monitors" if gave_up else "" if verdict is None else verdict.source,
        passed=all(one.passed for one in results[-1].checks) if results and results[-1].checks else None,
        first_usd=_sum(first),
        whole_usd=_sum(steps),
        left_out=HEIR if who.replaces else SEVERAL if _several(who, first) else "",
    )


def _everybody(office: Office) -> Sequence[Employee]:
    return tuple(office.chart.employees.values())


def _turn(who: Employee, scope: str) -> int:
    return int(scope.removeprefix(f"{who.scope}/turn-").partition("/")[0])


def _several(who: Employee, steps: Sequence[StepReplied]) -> bool:
    """Whether one of its turns was attempted more than once: the journal has a verdict on the winner alone."""
    turns: dict[int, set[str]] = {}
    for step in steps:
        turns.setdefault(_turn(who, step.scope), set()).add(step.scope)
    return any(len(scopes) > 1 for scopes in turns.values())


def _of_the_whole(boss: Assignment, outcome: OutcomeGiven | None) -> Assignment:
    """What somebody said of the run's answer is the verdict on the boss."""
    if outcome is None:
        return boss
    passed = outcome.success if outcome.source == CHECKS else boss.passed
    return replace(boss, accepted=outcome.success, source=outcome.source, passed=passed)


def _sum(steps: Sequence[StepReplied]) -> float | None:
    costs = [step.cost_usd for step in steps]
    return None if None in costs else sum(cost for cost in costs if cost is not None)
