"""Handing in and reviewing: a result counts when its checks pass and its superior, having looked, accepts it.

Rejections carry reasons and are bounded; whoever runs out of them is dealt with by the ladder of cures. Knows nothing
of models.
"""

# ruff: noqa: D417  # docstrings here are what models read: parameters that are filled in are hidden from them
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from parcae.core.protocols import Event, Tool, ToolRefused
from parcae.core.scope import Scope
from parcae.organization.chart import Employee
from parcae.organization.checks import Command, run_checks
from parcae.organization.events import HandedIn, Noticed, Reviewed
from parcae.organization.judges import Panel
from parcae.organization.office import COMPANY, Office
from parcae.tools.function import CallKey, function_tool

CHECKS, NOBODY, JUDGES = "checks", "nobody", "judges"
HAND_IN, REVIEW = "hand_in", "review"


def result_tools(office: Office, *, command: Command | None = None, panel: Panel | None = None) -> tuple[Tool, ...]:
    """`hand_in` and `review`. `command` runs checks that are commands; `panel` judges results beside the superior."""
    results = _Results(office=office, command=command, panel=panel)
    waiting = {"effect": "outside", "keyed": True, "waits": True}
    return function_tool(results.hand_in, **waiting), function_tool(results.review, **waiting)  # type: ignore[arg-type]  # the same three settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Results:
    office: Office
    command: Command | None
    panel: Panel | None

    async def hand_in(self, scope: Scope, key: CallKey, summary: str, files: list[str] | None = None) -> str:
        """Hand in the result of your task. Its checks are run and your superior reviews it. It ends your turn.

        Args:
            summary: what was made, what is left open, and how it can be checked.
            files: the files that belong to it.
        """
        office, who = self.office, self.office.who(scope)
        if office.did(HandedIn, key) is not None:
            return _again(office, key)
        if not who.open and not office.open_turns[who.name].letters:
            raise ToolRefused("you have handed in and nothing new was asked of you")
        named = tuple(files or ())
        if office.limits.monitors and office.winding_up is None:
            await _nothing_open(office, who, named, scope, key)
        result, verdict = await self._tried(who, key, summary, named, scope)
        if verdict is not None:
            await office.record(result, verdict)
            raise ToolRefused(office.refusals[str(key)])
        await office.record(result, *_on_its_way(office, who, result))
        return "handed in"

    async def _tried(
        self, who: Employee, key: str, summary: str, files: tuple[str, ...], scope: Scope
    ) -> tuple[HandedIn, Reviewed | None]:
        """The result with what its checks and its judges say, and their rejection if they reject it."""
        result = HandedIn(scope=who.scope, key=key, summary=summary, files=files)
        limits = self.office.limits
        if not limits.reviews:
            return result, None
        result = replace(result, checks=await run_checks(who.order.checks, scope.workspace, self.command))
        bounded = who.rejections < limits.rejections and self.office.winding_up is None
        failed = [one for one in result.checks if not one.passed]
        if failed and bounded:
            reasons = "; ".join(f"{one.check}: {one.detail or 'failed'}" for one in failed)
            return result, _verdict(who, f"{key}/checks", CHECKS, False, reasons)
        judged = None if self.panel is None else await self.panel.judge(who, result, scope)
        if judged is not None and not judged.accepted and bounded:
            return result, _verdict(
                who, f"{key}/judges", JUDGES, False, judged.reasons, judged.agreement, judged.cost_usd
            )
        return result, None

    async def review(
        self, scope: Scope, key: CallKey, name: str, verdict: Literal["accept", "reject"], reasons: str = ""
    ) -> str:
        """Accept a result that was handed in to you, or send it back with reasons. Look at it before you judge.

        Args:
            name: whose result.
            verdict: accept or reject.
            reasons: for a rejection: what is wrong and how you saw it.
        """
        office, superior = self.office, self.office.who(scope)
        who, accepted = office.chart.employees.get(name), verdict == "accept"
        said = f"{name}'s result is {'accepted' if accepted else 'sent back'}"
        if office.did(Reviewed, key) is not None:
            return said
        _reviewable(superior, who, name, verdict, reasons)
        assert who is not None
        events: list[Event] = [_verdict(who, str(key), superior.name, accepted, reasons)]
        if not accepted:
            text = f"Your result was not accepted. Reasons: {reasons}\nMend it and hand in again."
            events.append(office.letter(f"{key}/verdict", superior.name, who, "verdict", text))
        await office.record(*events)
        return said


def _again(office: Office, key: str) -> str:
    """The answer to a call that was made before a crash."""
    if key in office.refusals:
        raise ToolRefused(office.refusals[key])
    return "handed in"


def unreviewed(office: Office, superior: Employee) -> list[Employee]:
    """Whose results wait for `superior`."""
    return [one for one in office.chart.subordinates(superior) if one.status == "handed_in"]


def _on_its_way(office: Office, who: Employee, result: HandedIn) -> tuple[Event, ...]:
    """A result goes to the superior; the boss's counts; without reviews every result does."""
    superior = office.chart.employees.get(who.by)
    events: list[Event] = []
    if superior is None or not office.limits.reviews:
        events.append(_verdict(who, f"{result.key}/counts", COMPANY if office.limits.reviews else NOBODY, True, ""))
    if superior is not None:
        events.append(office.letter(f"{result.key}/report", who.name, superior, "report", report_text(who, result)))
    return tuple(events)


def report_text(who: Employee, result: HandedIn) -> str:
    """What a superior reads of a result."""
    lines = [f"Result of {who.name} for the task: {who.order.task}", f"Summary: {result.summary}"]
    if result.files:
        lines.append(f"Files: {', '.join(result.files)}")
    lines += [f"Check {one.check}: {'passed' if one.passed else 'FAILED ' + one.detail}" for one in result.checks]
    return "\n".join(lines)


async def _nothing_open(office: Office, who: Employee, files: tuple[str, ...], scope: Scope, key: str) -> None:
    """Nobody stops with open work: own checklist, subordinates, and files that do not exist are told.

    Raises:
        ToolRefused: something is open, and it was not said too often yet.
    """
    found = _open_things(office, who, files, scope)
    told = office.did(Noticed, key) is not None  # by this very call, before a crash
    if not found or (not told and office.levels.get(who.name, 0) >= office.limits.rejections):
        return
    what = "; ".join(found)
    cure = "the hand-in was refused with a list of what is open"
    level = office.levels.get(who.name, 0)
    noticed = Noticed(scope=who.scope, key=key, detector="incomplete", what=what, cure=cure, level=level)
    if not told:
        await office.record(noticed)
    raise ToolRefused(f"not handed in, since something is open: {what}")


def _open_things(office: Office, who: Employee, files: tuple[str, ...], scope: Scope) -> list[str]:
    found = [f"your checklist says {one.state}: {one.text}" for one in who.plan if one.state in ("todo", "doing")]
    for one in office.chart.subordinates(who):
        if one.status == "handed_in":
            found.append(f"the result of {one.name} waits for your review")
        elif one.status == "working":
            found.append(f"{one.name} is still at work: wait for it, or dismiss it")
    found += [f"the hire of {one.order.name} waits for room" for one in office.chart.waiting_hires(who)]
    if scope.workspace is not None:
        evidence = [one.evidence for one in who.plan if one.state == "done" and _is_path(one.evidence)]
        for path in dict.fromkeys((*files, *evidence)):
            try:
                scope.workspace.look(path)
            except ToolRefused:
                found.append(f"there is no file {path!r}")
    return found


def _is_path(evidence: str) -> bool:
    return "/" in evidence and " " not in evidence


def _reviewable(superior: Employee, who: Employee | None, name: str, verdict: str, reasons: str) -> None:
    if who is None or who.by != superior.name:
        raise ToolRefused(f"{name!r} does not report to you; you review those whom you hired")
    if who.result is None or who.status in ("working", "left"):
        raise ToolRefused(f"{name} has nothing handed in now; wait for its result, or write to it")
    if verdict == "accept" and who.status == "done":
        raise ToolRefused(f"{name}'s result is accepted already")
    if verdict == "reject" and not reasons.strip():
        raise ToolRefused("a rejection needs reasons: what is wrong, and how you saw it")


def _verdict(
    who: Employee,
    key: str,
    by: str,
    accepted: bool,
    reasons: str,
    agreement: float | None = None,
    cost_usd: float | None = None,
) -> Reviewed:
    return Reviewed(
        scope=who.scope, key=key, by=by, accepted=accepted, reasons=reasons, agreement=agreement, cost_usd=cost_usd
    )
