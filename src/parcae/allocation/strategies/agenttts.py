"""AgentTTS: a language model reads an archive of trials, writes guidelines, and turns guidelines into trials.

The archive is the history: trials with their scores, and each round's guideline in its `why`. The first trials are the
paper's Eq. 5; then rounds of (guidelines, trials). What the model says is data: a malformed answer is asked for once
more and then replaced by the rules, duplicates are refused, trials over the budget are projected onto it.
Source: AgentTTS (arXiv:2508.00890), section 5 and its Algorithm 1; the prompts are our own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from parcae.allocation.history import History, Proposal
from parcae.allocation.project import every_item, nearest, unseen
from parcae.allocation.space import Choice, Space
from parcae.allocation.strategies.rules import ALL, Rules

if TYPE_CHECKING:
    from parcae.core.protocols import Model
    from parcae.core.scope import Scope

INSIGHTS = {
    1: "Stages prefer models of different size: do not assume that the largest is the best in each.",
    2: "Each stage has a number of samples beyond which more do not help or even harm: find it, do not pay for more.",
    3: "The budget is shared and stages interact: what is spent upstream changes what is best downstream.",
}
SHOWN = 30  # trials of the archive that the model reads, best first


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """What the model said in the round that `scope` names: a search that goes on does not ask it again.

    Whatever it read then: scores of old trials may be a little better known now, from samples that were drawn later.
    """

    kind: ClassVar[str] = "allocation.advised/1"
    scope: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTts:
    """`model` proposes, paid from `scope`. `rounds` of `batch` trials follow the initial ones (5 x 10 in the paper)."""

    model: Model
    scope: Scope
    rounds: int = 5
    batch: int = 10
    insights: frozenset[int] = ALL
    temperature: float = 0.0

    async def propose(self, history: History) -> Proposal | None:
        """The initial trials; then what the model proposes from its guidelines."""
        if not history.rounds and 1 in self.insights:
            return await Rules(insights=self.insights).propose(history)
        if len(history.rounds) > self.rounds:
            return None
        asked = await self._ask(history)
        found, why = read_trials(asked, history), f"guideline: {_guideline(asked)} (read: {_shown_trials(history)})"
        if not found:
            asked = await self._ask(history, again=True)
            found, why = read_trials(asked, history), f"guideline: {_guideline(asked)} (asked twice)"
        if not found:
            fallback = await Rules(batch=self.batch, insights=self.insights).propose(history)
            if fallback is None:
                return None
            return Proposal(
                configurations=fallback.configurations,
                items=fallback.items,
                why=f"the model's answer could not be used; rules instead: {fallback.why}",
            )
        return Proposal(configurations=np.array(found[: self.batch]), items=every_item(history), why=why)

    def choose(self, history: History) -> int:
        """The best mean."""
        return history.best()

    async def _ask(self, history: History, *, again: bool = False) -> str:
        from pydantic_ai.messages import ModelRequest, UserPromptPart

        from parcae.core.protocols import Request
        from parcae.models.budgeted import ask

        text = prompt(history, batch=self.batch, insights=self.insights)
        if again:
            text += "\n\nYour last answer held no new trial that could be run. Answer with the JSON object alone."
        place = self.scope.child(f"agenttts-{len(history.rounds)}{'-again' if again else ''}")
        request = Request(
            messages=[ModelRequest(parts=[UserPromptPart(content=text)])],
            max_tokens=2048,
            temperature=self.temperature,
            seed=place.seed % 2**31,
        )
        before = await place.journal.read(place.id, [Advised], below=False)
        if before:
            return before[-1].event.text
        asked = await ask(self.model, request, place)
        advised = Advised(scope=place.id, text=asked.reply.message.text or "")
        await place.journal.append([*asked.settlement, advised])
        return advised.text


def prompt(history: History, *, batch: int, insights: frozenset[int] = ALL) -> str:
    """What the model reads: space, budget, insights, archive, and the form of the answer."""
    problem, space = history.problem, history.problem.space
    stages = [f"- {stage.name}: models {list(stage.models)}, samples {list(stage.samples)}" for stage in space.stages]
    guidelines = [f"- {played.why}" for played in history.rounds if played.why.startswith("guideline")]
    return "\n".join(
        [
            "Choose a model and a number of samples for each stage of a pipeline, to score as high as possible.",
            "Stages, in order:",
            *stages,
            f"One item may cost at most {problem.budget:g} {problem.unit}.",
            *(["What is known:"] if insights else []),
            *(f"- {INSIGHTS[number]}" for number in sorted(insights)),
            "Trials so far, best first:",
            *_trials(history),
            *(["Earlier guidelines:", *guidelines] if guidelines else []),
            f"First write a guideline from these trials, then up to {batch} new trials that follow it.",
            'Answer with JSON: {"guideline": "...", "trials": [{"STAGE": ["MODEL", SAMPLES], ...}, ...]}',
        ]
    )


def read_trials(text: str, history: History) -> list[int]:
    """The new trials that the text holds, projected onto the budget; names and numbers that nearly fit are mended."""
    document = _document(text)
    space = history.problem.space
    trials = document.get("trials", [])
    numbers = [_trial(space, one) for one in trials] if isinstance(trials, list) else []
    return unseen(history, [number for number in numbers if number is not None])


def _document(text: str) -> dict[str, object]:
    """The largest JSON object in the text; {} if there is none."""
    for candidate in (text, *re.findall(r"\{.*\}", text, flags=re.DOTALL)):
        try:
            document = json.loads(candidate)
        except json.JSONDecodeError:
            continue
        if isinstance(document, dict):
            return document
    return {}


def _trial(space: Space, trial: object) -> int | None:
    if not isinstance(trial, dict):
        return None
    choices = []
    for stage in space.stages:
        pair = trial.get(stage.name)
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            return None
        model = _model(stage.models, str(pair[0]))
        try:
            wanted = float(str(pair[1]))
        except ValueError:
            return None
        if model is None or not np.isfinite(wanted):
            return None
        choices.append(Choice(model=model, samples=nearest(stage.samples, wanted)))
    return space.number(choices)


def _model(models: tuple[str, ...], said: str) -> str | None:
    """The model that was meant: its name, whatever its case, or the only one that contains what was said."""
    exact = [model for model in models if model.lower() == said.strip().lower()]
    near = exact or [model for model in models if said.strip().lower() in model.lower()]
    return near[0] if len(near) == 1 and said.strip() else None


def _guideline(text: str) -> str:
    said = _document(text).get("guideline")
    return " ".join(said.split())[:400] if isinstance(said, str) and said.strip() else "none given"


def _trials(history: History) -> list[str]:
    table, problem = history.table, history.problem
    order = np.argsort(-np.nan_to_num(table.means, nan=-1.0), kind="stable")[:SHOWN]
    return [
        f"- trial {place}: {problem.space.describe(int(table.configurations[place]))}: score {table.means[place]:.3f}, "
        f"cost {problem.costs[table.configurations[place]]:g}"
        for place in order
    ] or ["- none yet"]


def _shown_trials(history: History) -> str:
    order = np.argsort(-np.nan_to_num(history.table.means, nan=-1.0), kind="stable")[:3]
    return ", ".join(history.problem.space.describe(int(history.table.configurations[place])) for place in order)
