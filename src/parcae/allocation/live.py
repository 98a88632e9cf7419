"""The pipeline itself as an environment: configurations run on items, each sample drawn once and replayed.

Smaller numbers of samples are sub-samples: upstream the first S of the samples drawn (they are exchangeable), in the
last stage the mean over random subsets. A model whose provider fails is dropped with its stage, and named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from parcae.allocation.drawing import ask_text, draw_sample
from parcae.allocation.history import Proposal, Round
from parcae.allocation.pipeline import Item, Pipeline, Stage
from parcae.allocation.samples import Sampled, Samples, key_of
from parcae.allocation.scoring import Metric, aggregated, find_metric, scored, subsets
from parcae.allocation.space import Choice, Space
from parcae.allocation.workers import Draw, Outputs, Tools
from parcae.core.errors import LimitReached, ProviderFailed
from parcae.core.protocols import Model
from parcae.core.scope import Scope

AT_ONCE = 8  # items under way


@dataclass(kw_only=True)
class Live:
    """Runs proposals. `failed`: (stage, model) pairs that were given up, with the provider's words.

    `seen`: the samples that rounds have used so far, by key. Nothing else is looked at, counted or scored, even if it
    lies in the cache: so a search that goes on after a crash has the same history as one that was never cut off.
    `limit`: what ended the last round before it was whole.
    """

    pipeline: Pipeline
    space: Space
    models: Mapping[str, Model]
    scope: Scope
    samples: Samples
    tools: Tools
    failed: dict[tuple[str, str], str] = field(default_factory=dict)
    used: dict[tuple[str, str], list[Sampled]] = field(default_factory=dict)
    metric: Metric = field(init=False)
    stage_scores: dict[tuple[str, Choice], dict[str, float]] = field(default_factory=dict)
    seen: dict[str, Sampled] = field(default_factory=dict)
    limit: LimitReached | None = None

    def __post_init__(self) -> None:
        self.metric = find_metric(self.pipeline.metric)

    async def run(self, proposal: Proposal) -> Round:
        """Score each configuration on each item; a pair that fails scores NaN, as does what the budget cut off."""
        before = set(self.seen)
        shape = (len(proposal.configurations), len(proposal.items))
        scores = np.full(shape, np.nan)
        known_failed = set(self.failed)
        order = sorted(range(shape[0]), key=lambda row: -self._depth(int(proposal.configurations[row])))
        for row in order:  # deepest first, so that smaller ones find their samples
            choices = self.space.choices(int(proposal.configurations[row]))
            scores[row] = await self._across(choices, [self.pipeline.items[item] for item in proposal.items])
            if self.limit is not None:
                break
        new = [one for key, one in self.seen.items() if key not in before and one.scope == self.samples.run]
        return Round(
            configurations=proposal.configurations,
            items=proposal.items,
            scores=scores,
            calls=len(new),
            spent=sum(self._usd(one) or 0.0 for one in new),
            why=proposal.why,
            failed=tuple(set(self.failed) - known_failed),
        )

    def _depth(self, configuration: int) -> int:
        return sum(choice.samples for choice in self.space.choices(configuration))

    async def _across(self, choices: Sequence[Choice], items: Sequence[Item]) -> list[float]:
        """The scores on `items`; NaN where the limit came first. Another failure is raised when all have ended."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(item: Item) -> float:
            async with places:
                return await self._score(choices, item)

        found = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
        for result in found:
            if isinstance(result, LimitReached):
                self.limit = result
            elif isinstance(result, BaseException):
                raise result
        return [result if isinstance(result, float) else float("nan") for result in found]

    async def _score(self, choices: Sequence[Choice], item: Item) -> float:
        outputs: dict[str, str] = {}
        for stage, choice in zip(self.pipeline.stages, choices, strict=True):
            if (stage.name, choice.model) in self.failed:
                return float("nan")
            try:
                drawn = await self._drawn(stage, choice, item, outputs)
                if stage is not self.pipeline.stages[-1]:
                    outputs[stage.name] = await self._merged(stage, choice, item, outputs, drawn)
                    self._score_stage(stage, choice, item, outputs)
            except ProviderFailed as error:
                self.failed[stage.name, choice.model] = str(error)
                return float("nan")
        return await self._last(self.pipeline.stages[-1], choices[-1], item, outputs)

    def _score_stage(self, stage: Stage, choice: Choice, item: Item, outputs: Outputs) -> None:
        """Keep what the stage's own metric says of its output, by everything that it was made from."""
        if stage.metric:
            own = item.fields.get(f"gold_{stage.name}")
            judged = item if own is None else replace(item, gold=(own,))
            score = scored(find_metric(stage.metric), stage.metric, judged, outputs[stage.name])
            made_from = "\x1f".join([item.id, *(outputs[name] for name in stage.upstream)])
            self.stage_scores.setdefault((stage.name, choice), {})[made_from] = score

    def mean_stage_scores(self, choices: Sequence[Choice]) -> tuple[tuple[str, float], ...]:
        """What the metrics of stages say of `choices`, a mean for each stage that has one and was run so."""
        pairs = zip(self.pipeline.stages, choices, strict=True)
        found = [(stage.name, self.stage_scores.get((stage.name, choice), {})) for stage, choice in pairs]
        return tuple((name, float(np.mean(list(scores.values())))) for name, scores in found if scores)

    async def _last(self, stage: Stage, choice: Choice, item: Item, outputs: Outputs) -> float:
        """The mean score over sub-samples of all samples of the last stage that were drawn for these outputs."""
        if stage.aggregate == "fusion":
            drawn = await self._drawn(stage, choice, item, outputs)
            fused = await self._merged(stage, choice, item, outputs, drawn)
            return scored(self.metric, self.pipeline.metric, item, fused)
        texts = [self.seen[key].output for key in self._keys(stage, choice.model, item, outputs) if key in self.seen]
        picked = subsets(len(texts), choice.samples, self.scope.rng("subsets", stage.name, choice.model, item.id))
        merged = [self._aggregate(stage, item, [texts[place] for place in one]) for one in picked]
        scores = {text: scored(self.metric, self.pipeline.metric, item, text) for text in set(merged)}
        return float(np.mean([scores[text] for text in merged]))

    async def _drawn(self, stage: Stage, choice: Choice, item: Item, outputs: Outputs) -> list[Sampled]:
        """The first `choice.samples` samples, drawn where they are missing."""
        found = []
        for number, key in enumerate(self._keys(stage, choice.model, item, outputs)[: choice.samples]):
            draw = self._draw(stage, choice.model, item, outputs, f"{key}-{number}")
            sample = await self.samples.get(key, stage.name, choice.model, lambda draw=draw: draw_sample(draw))  # type: ignore[misc]  # bound now
            self._use(stage.name, choice.model, sample)
            found.append(sample)
        return found

    def _use(self, stage: str, model: str, sample: Sampled) -> None:
        self.used.setdefault((stage, model), []).append(sample)
        self.seen[sample.key] = sample

    def _usd(self, sample: Sampled) -> float | None:
        price = self.models[sample.model].card.price
        return None if price is None else sum(price.cost_usd(call) for call in sample.calls)

    def _keys(self, stage: Stage, model: str, item: Item, outputs: Outputs) -> list[str]:
        """The keys of the most samples that it may draw for these outputs."""
        upstream = [outputs[name] for name in stage.upstream]
        return [
            key_of(stage.name, stage.settings(), model, _identity(item), upstream, number)
            for number in range(stage.samples[-1])
        ]

    async def _merged(self, stage: Stage, choice: Choice, item: Item, outputs: Outputs, drawn: list[Sampled]) -> str:
        texts = [one.output for one in drawn]
        if stage.aggregate != "fusion" or len(texts) == 1:
            return self._aggregate(stage, item, texts)
        upstream = [outputs[name] for name in stage.upstream]
        key = key_of(stage.name, stage.settings(), choice.model, _identity(item), [*upstream, *texts], "fusion")
        draw = self._draw(stage, choice.model, item, outputs, f"{key}-fusion")
        question = fusion_prompt(stage, texts)
        sampled = await self.samples.get(key, f"{stage.name}+fusion", choice.model, lambda: ask_text(draw, question))
        self._use(f"{stage.name}+fusion", choice.model, sampled)
        return sampled.output

    def _aggregate(self, stage: Stage, item: Item, texts: Sequence[str]) -> str:
        verify = None
        if stage.aggregate == "best":
            verifier = find_metric(stage.verifier)
            verify = lambda text: scored(verifier, stage.verifier, item, text)  # noqa: E731  # short and used once
        return aggregated(stage.aggregate, texts, verify)

    def _draw(self, stage: Stage, model: str, item: Item, outputs: Outputs, name: str) -> Draw:
        scope = self.scope.child(f"{stage.name}-{name}")
        return Draw(stage=stage, item=item, model=self.models[model], outputs=outputs, scope=scope, tools=self.tools)

    def stage_costs(self) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
        """Dollars an item of each stage, shape (models, samples), from the tokens measured so far; NaN if none."""
        return [self._stage_cost(stage) for stage in self.pipeline.stages]

    def _stage_cost(self, stage: Stage) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        rows = []
        for model in stage.models:
            one = self._mean_cost(stage.name, model)
            fusion = self._mean_cost(f"{stage.name}+fusion", model)
            sizes = np.asarray(stage.samples, dtype=np.float64)
            extra = 0.0 if stage.aggregate != "fusion" else (one if np.isnan(fusion) else fusion)
            rows.append(sizes * one + np.where(sizes > 1, extra, 0.0))
        return np.stack(rows)

    def _mean_cost(self, stage: str, model: str) -> float:
        price = self.models[model].card.price
        distinct = {one.key: one for one in self.used.get((stage, model), [])}
        if price is None or not distinct:
            return float("nan")
        return float(np.mean([sum(price.cost_usd(call) for call in one.calls) for one in distinct.values()]))


def fusion_prompt(stage: Stage, texts: Sequence[str]) -> str:
    """What the same model reads to make one answer of several."""
    answers = "\n\n".join(f"Answer {number}:\n{text}" for number, text in enumerate(texts, start=1))
    return (
        f"Below are {len(texts)} answers to one task. Write the one answer that they best support, in the same form, "
        f"and nothing else.\n\nThe task:\n{stage.prompt}\n\n{answers}"
    )


def _identity(item: Item) -> str:
    told = "\x1e".join(f"{key}={value}" for key, value in sorted(item.fields.items()) if key != "repo")
    return f"{item.id}\x1e{told}"
