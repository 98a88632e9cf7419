"""Attempts at a task, folded from events: steps, messages, results, costs, swaps, votes, forecasts over time.

A pure function of events; knows nothing of journals or servers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from parcae.core import events as core
from parcae.core.protocols import Event, Recorded
from parcae.core.trajectory import Ending
from parcae.sampling.vote import vote
from parcae.web.api.told import Document, Replied, plain

MOST_CHARS = 20_000


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt as it stands."""

    scope: str
    model: str = ""
    rung: int = 0
    began_at: float = 0.0
    forked_from: str | None = None
    steps: dict[int, Document] = field(default_factory=dict)
    swaps: list[Document] = field(default_factory=list)
    ending: Ending | None = None


@dataclass(slots=True, kw_only=True)
class AttemptsFold:
    """Every attempt of a run by scope, and what was forecast and decided about their groups."""

    run: str
    attempts: dict[str, Attempt] = field(default_factory=dict)
    forecasts: list[Document] = field(default_factory=list)
    decisions: list[Document] = field(default_factory=list)
    seq: int = 0

    def take(self, entry: Recorded[Event]) -> None:
        """Take one event in."""
        self.seq = entry.seq
        event = plain(entry.event)
        if isinstance(event, core.Forecasted | core.Decided):
            self._group(event, entry.at)
            return
        one = self.attempts.get(event.scope)
        if one is None:
            one = self.attempts[event.scope] = Attempt(scope=event.scope, began_at=entry.at)
        if isinstance(event, core.AttemptStarted):
            _started(one, event, entry.at)
        elif isinstance(event, core.AttemptEnded):
            one.ending = event.ending
        else:
            _step(one, event, entry.at)

    def _group(self, event: core.Forecasted | core.Decided, at: float) -> None:
        common: Document = {"group": _inside(self.run, event.scope), "at": at, "looked_at": list(event.looked_at)}
        if isinstance(event, core.Forecasted):
            told = {"p_fail": event.p_fail, "trust": event.trust, "reasons": list(event.reasons)}
            self.forecasts.append({**common, **told})
        else:
            told = {"action": event.action, "rung": event.rung, "attempts": list(event.attempts), "why": event.why}
            self.decisions.append({**common, **told})

    def document(self, under: str = "") -> Document:
        """All attempts, or those in and below the scope `under` of the run."""
        inside = f"{self.run}/{under}".rstrip("/")
        mine = [one for one in self.attempts.values() if one.scope == inside or one.scope.startswith(f"{inside}/")]
        mine = [one for one in mine if one.model]
        answers = [one.ending.answer if one.ending is not None else () for one in mine]
        return {
            "schema": "parcae.attempts/1",
            "run": self.run,
            "seq": self.seq,
            "attempts": [_document(self.run, one) for one in mine],
            "votes": [{"name": one.name, "share": one.score} for one in vote(answers).candidates] if mine else [],
            "forecasts": [one for one in self.forecasts if str(one["group"]).startswith(under)],
            "decisions": [one for one in self.decisions if str(one["group"]).startswith(under)],
        }


def _started(one: Attempt, event: core.AttemptStarted, at: float) -> None:
    if one.model and event.model != one.model:
        one.swaps.append({"at": at, "after_steps": event.after_steps, "from": one.model, "to": event.model})
    one.model, one.rung, one.ending = event.model, event.rung, None
    one.forked_from = event.forked_from or one.forked_from
    for number in [number for number in one.steps if number >= event.after_steps]:
        if one.steps[number]["complete"]:
            del one.steps[number]


def _step(one: Attempt, event: Event, at: float) -> None:
    if not isinstance(event, Replied | core.StepObserved | core.StepCompleted):
        return
    step = one.steps.setdefault(event.step, {"step": event.step, "complete": False, "calls": [], "text": ""})
    if isinstance(event, Replied):
        step.update(_reply(event), at=at)
    elif isinstance(event, core.StepObserved):
        seen = event.observation
        for call in step["calls"]:
            if call["id"] == seen.call_id:
                call.update(result=_cut(seen.content), is_error=seen.is_error)
    else:
        step.update(complete=True, commit=event.commit, note=event.note)
        step.setdefault("model", event.model)
        step.setdefault("at", at)
        one.ending = event.ending or one.ending


def _reply(event: Replied) -> Document:
    parts: Any = event.reply.get("parts", [])
    calls = [
        {
            "id": part.get("tool_call_id"),
            "tool": part.get("tool_name"),
            "arguments": _cut(_text(part.get("args"))),
            "result": None,
            "is_error": False,
        }
        for part in parts
        if part.get("part_kind") == "tool-call"
    ]
    return {
        "model": event.model,
        "asked": None if event.asked is None else _cut(event.asked),
        "text": _cut("\n".join(str(part.get("content", "")) for part in parts if part.get("part_kind") == "text")),
        "calls": calls,
        "prompt_tokens": event.usage.prompt_tokens,
        "completion_tokens": event.usage.completion_tokens,
        "cost_usd": event.cost_usd,
    }


def _document(run: str, one: Attempt) -> Document:
    costs = [step.get("cost_usd", 0.0) for step in one.steps.values()]
    ending = one.ending
    return {
        "scope": _inside(run, one.scope),
        "model": one.model,
        "rung": one.rung,
        "began_at": one.began_at,
        "forked_from": one.forked_from,
        "swaps": one.swaps,
        "cost_usd": None if None in costs else sum(costs),
        "ending": None
        if ending is None
        else {"reason": ending.reason, "answer": list(ending.answer), "detail": ending.detail},
        "steps": [one.steps[number] for number in sorted(one.steps)],
    }


def _inside(run: str, scope: str) -> str:
    return scope.removeprefix(run).removeprefix("/")


def _text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}\n... {len(text) - MOST_CHARS} more characters"
