"""What can go wrong with an employee, seen in code: each detector has a name, a sentence, and a hint for its cure.

    repeated_call   the same call with the same result, again and again
    malformed       several replies in a row of which no call could be done
    refusal         the model refused, or its provider's filter broke the reply off
    out_of_steps    the turn ended because its steps did
    failed          the model's provider failed, after all retries
    silent          nothing handed in and nothing to wait for
    never_started   hired, but never had a turn
    lost_wakeup     letters lie in the inbox of somebody who sleeps
    unreviewed      a result waits and its reviewer sleeps
    incomplete      a hand-in with something still open (see `results`)
    ping_pong       two who only talk
    work_twice      two who hand in the same file
    rejected        sent back as often as may be
    money           what was set aside for it is spent

Knows nothing of what is done about them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parcae.core.trajectory import Step
from parcae.organization.chart import Employee
from parcae.organization.office import Office
from parcae.organization.results import unreviewed

if TYPE_CHECKING:
    from pydantic_ai.messages import ToolCallPart

_REFUSAL = re.compile(
    r"\b(i (?:cannot|can't|can not|won't|am unable to|'m unable to) "
    r"(?:help|assist|comply|continue|do (?:that|this)|fulfil)"
    r"|i'?m sorry,? but i (?:can|am)|as an ai\b|against my (?:guidelines|policy))",
    re.IGNORECASE,
)
_HINTS = {
    "repeated_call": "its result will not change. Use what you know, or try something else.",
    "malformed": "call a tool that you were given, with the arguments that its description names.",
    "refusal": "the task is ordinary work here; do the part of it that you can, and say what you left out.",
    "out_of_steps": "do less at once: hand in what you have, or split the task and hire.",
    "failed": "go on where you stopped.",
    "silent": "hand in your result, or say with send_message what you wait for.",
    "never_started": "begin.",
    "lost_wakeup": "read your letters.",
    "unreviewed": "look at the results that wait for you, and accept them or send them back.",
    "ping_pong": "stop writing to each other; act on what you know.",
    "work_twice": "agree who owns the file, or have one of the two do other work.",
    "rejected": "read the reasons again and mend exactly what they name.",
    "money": "finish with what there is.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that a detector saw."""

    detector: str
    what: str

    @property
    def hint(self) -> str:
        """What whoever has this trouble should do."""
        return f"{self.what}: {_HINTS.get(self.detector, 'look again at your task.')}"


class TurnWatch:
    """Watches one turn, step by step. `repeats`: how often is too often."""

    def __init__(self, repeats: int) -> None:
        self._repeats = repeats
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._broken = 0

    def take(self, step: Step) -> Trouble | None:
        """Take one more complete step in."""
        if step.reply is None:
            return None
        if step.reply.finish_reason == "content_filter" or (not step.reply.tool_calls and _refuses(step.reply.text)):
            return Trouble(detector="refusal", what=f"the model refused ({(step.reply.text or 'filtered')[:120]})")
        if not step.observations:
            return None
        results = {one.call_id: one for one in step.observations}
        self._broken = self._broken + 1 if all(one.is_error for one in step.observations) else 0
        for call in step.reply.tool_calls:
            result = results.get(call.tool_call_id)
            self._seen[(call.tool_name, _arguments(call), "" if result is None else result.content)] += 1
        (name, arguments, _), times = self._seen.most_common(1)[0]
        if times >= self._repeats:
            return Trouble(detector="repeated_call", what=f"{name}({arguments[:120]}) was called {times} times")
        if self._broken >= self._repeats:
            last = step.observations[-1].content[:160]
            return Trouble(
                detector="malformed", what=f"no call of the last {self._broken} replies could be done ({last})"
            )
        return None


def after_turn(office: Office, who: Employee, reason: str, detail: str) -> Trouble | None:
    """What is wrong with `who` when a turn has ended for `reason`."""
    if not who.open:
        return None
    if reason == "failed":
        return Trouble(detector="failed", what=f"the model failed ({detail[:200]})")
    if reason == "no_answer" and "within" in detail:
        return Trouble(detector="out_of_steps", what=detail)
    if who.rejections > office.limits.rejections:
        return Trouble(detector="rejected", what=f"its result was sent back {who.rejections} times")
    most = 2 * office.limits.letters
    other = next((name for name, count in office.chats.get(who.name, {}).items() if count >= most), None)
    if other is not None:
        return Trouble(detector="ping_pong", what=f"{who.name} and {other} only write to each other")
    if who.status == "working" and not waits(office, who):
        return Trouble(detector="silent", what="nothing was handed in, and there is nothing to wait for")
    return None


def at_rest(office: Office) -> list[tuple[Employee, Trouble]]:
    """What keeps a company from its goal in which nobody works and nobody will: the deepest cause first."""
    found: list[tuple[Employee, Trouble]] = []
    for who in office.chart.employees.values():
        if who.status == "left":
            continue
        if office.boxes[who.name].waiting:
            name = "lost_wakeup" if office.turns.get(who.name) else "never_started"
            found.append(
                (who, Trouble(detector=name, what=f"{len(office.boxes[who.name].waiting)} letters were not read"))
            )
        elif unreviewed(office, who):
            names = ", ".join(one.name for one in unreviewed(office, who))
            found.append((who, Trouble(detector="unreviewed", what=f"the results of {names} wait")))
    if found:
        return found
    idle = [one for one in office.chart.employees.values() if one.status == "working" and not one.busy]
    return [(one, Trouble(detector="silent", what="everybody waits, and it has not handed in")) for one in idle]


def worked_twice(office: Office, who: Employee) -> Trouble | None:
    """Whether a colleague of the same group handed in one of the files that `who` handed in."""
    mine = set(who.result.files) if who.result is not None else set()
    if not mine:
        return None
    for other in office.chart.colleagues(who):
        if other.result is not None and not mine.isdisjoint(other.result.files):
            both = mine & set(other.result.files)
            return Trouble(
                detector="work_twice", what=f"{who.name} and {other.name} both handed in {', '.join(sorted(both))}"
            )
    return None


def waits(office: Office, who: Employee) -> bool:
    """Whether there is something that `who` may rightly wait for."""
    if office.boxes[who.name].waiting or office.chart.waiting_hires(who):
        return True
    if any(question.scope == who.scope for question in office.questions.values()):
        return True
    if who.busy:
        return True
    return who.name in office.chats


def _refuses(text: str | None) -> bool:
    return bool(text and len(text) < 600 and _REFUSAL.search(text))


def _arguments(call: ToolCallPart) -> str:
    return call.args if isinstance(call.args, str) else json.dumps(call.args, sort_keys=True, default=str)
