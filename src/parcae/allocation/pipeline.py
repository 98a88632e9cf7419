"""A pipeline: stages that read each other's outputs, candidate models and sample counts for each, items and a metric.

Knows nothing of how stages run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import Literal

from parcae.allocation.space import Space, StageSpace
from parcae.core.errors import CallerMistake
from parcae.core.protocols import ModelCard

Aggregator = Literal["majority", "vote", "first", "best", "fusion"]
KINDS = ("prompt", "locate", "repair", "python")
AGGREGATORS = ("majority", "vote", "first", "best", "fusion")
DEFAULT_SAMPLES = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage. `kind`: a prompt, a Worker by name ("locate", "repair"), or an async Python function.

    `prompt` has places such as {question} (a field of the item) and {STAGE} (the output of an upstream stage).
    `function` is MODULE:NAME for "python". `aggregate` makes one output of S samples; `verifier` scores a sample for
    "best". `inputs` names the stages whose outputs it reads. `within` narrows "locate" to what an upstream stage named.
    `metric`, where there is one, scores this stage's own output: against the item's field `gold_STAGE` if it has one.
    """

    name: str
    kind: str = "prompt"
    models: tuple[str, ...] = ()
    samples: tuple[int, ...] = DEFAULT_SAMPLES
    prompt: str = ""
    function: str = ""
    aggregate: Aggregator = "majority"
    verifier: str = ""
    inputs: tuple[str, ...] = ()
    within: str = ""
    metric: str = ""
    temperature: float = 0.9
    max_tokens: int = 1024
    max_steps: int | None = None

    @property
    def upstream(self) -> tuple[str, ...]:
        """The stages whose outputs it reads."""
        return tuple(dict.fromkeys([*self.inputs, *([self.within] if self.within else [])]))

    def settings(self) -> str:
        """What a sample of it depends on, apart from model, item and upstream outputs: part of the cache's key."""
        told = (self.kind, self.prompt, self.function, self.within, self.temperature, self.max_tokens, self.max_steps)
        return hashlib.blake2b(json.dumps([self.name, *told]).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that the pipeline is tried on: its fields, and what is right."""

    id: str
    fields: Mapping[str, str]
    gold: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Stages in an order in which each comes after those it reads; the last one's output is scored by `metric`."""

    name: str
    stages: tuple[Stage, ...]
    items: tuple[Item, ...]
    metric: str = "exact"
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def space(self, cards: Mapping[str, ModelCard]) -> Space:
        """What may be chosen."""
        return Space(
            stages=tuple(
                StageSpace(
                    name=stage.name,
                    models=stage.models,
                    samples=stage.samples,
                    parameters=tuple(cards[model].parameters for model in stage.models),
                )
                for stage in self.stages
            )
        )

    def described(self) -> dict[str, str]:
        """Every part as text: what must not change between a run and its resumption."""
        told = {"metric": self.metric, "items": _digest([[one.id, dict(one.fields), one.gold] for one in self.items])}
        for stage in self.stages:
            for name in Stage.__dataclass_fields__:
                told[f"{stage.name}.{name}"] = json.dumps(getattr(stage, name))
        return told


def checked(pipeline: Pipeline) -> Pipeline:
    """The pipeline with its stages in order.

    Raises:
        CallerMistake: no stages, none of its models, an unknown or circular input, no items.
    """
    if not pipeline.stages:
        raise CallerMistake(f"the pipeline {pipeline.name!r} has no stages", "add a [stages.NAME] table")
    by_name = {stage.name: stage for stage in pipeline.stages}
    for stage in pipeline.stages:
        for name in stage.upstream:
            if name not in by_name:
                raise CallerMistake(
                    f"stage {stage.name!r} reads {name!r}, which is no stage", f"known are {', '.join(by_name)}"
                )
        _check_stage(stage)
    try:
        order = tuple(TopologicalSorter({one.name: one.upstream for one in pipeline.stages}).static_order())
    except CycleError as error:
        raise CallerMistake(
            f"the stages read each other in a circle: {' -> '.join(error.args[1])}", "remove one of these inputs"
        ) from None
    if len(pipeline.items) < 2:
        raise CallerMistake(
            f"there are {len(pipeline.items)} items: too few to tell configurations apart",
            "give `items` a JSONL file with at least 2 rows, better 50",
        )
    read = {name for stage in pipeline.stages for name in stage.upstream}
    ends = [name for name in order if name not in read]
    if len(ends) != 1:
        raise CallerMistake(
            f"the pipeline ends in {len(ends)} stages: {', '.join(ends)}", "let one stage read the rest"
        )
    ordered = [by_name[name] for name in order if name != ends[0]] + [by_name[ends[0]]]
    return Pipeline(
        name=pipeline.name,
        stages=tuple(ordered),
        items=pipeline.items,
        metric=pipeline.metric,
        facts=pipeline.facts,
    )


def _check_stage(stage: Stage) -> None:
    if not stage.models:
        raise CallerMistake(f"stage {stage.name!r} has no models", "name some under `models`, or pass --models")
    if stage.kind not in KINDS:
        raise CallerMistake(f"stage {stage.name!r}: unknown kind {stage.kind!r}", f"known are {', '.join(KINDS)}")
    if stage.aggregate not in AGGREGATORS:
        raise CallerMistake(
            f"stage {stage.name!r}: unknown aggregator {stage.aggregate!r}", f"known are {', '.join(AGGREGATORS)}"
        )
    if stage.kind == "prompt" and not stage.prompt:
        raise CallerMistake(f"stage {stage.name!r} has no prompt", 'write prompt = "... {question} ..."')
    if stage.kind == "python" and ":" not in stage.function:
        raise CallerMistake(f"stage {stage.name!r} names no function", 'write function = "package.module:name"')
    if stage.aggregate == "best" and not stage.verifier:
        raise CallerMistake(f"stage {stage.name!r} takes the best sample of no verifier", 'write verifier = "mod:name"')
    if stage.aggregate == "fusion" and stage.kind != "prompt":
        raise CallerMistake(
            f"stage {stage.name!r}: samples of kind {stage.kind!r} cannot be fused", "use vote, majority or first"
        )


def configured(pipeline: Pipeline, models: Sequence[str]) -> Pipeline:
    """The pipeline with `models` in every stage that names none of its own, or in all if asked."""
    from dataclasses import replace

    stages = tuple(replace(stage, models=tuple(models)) if models else stage for stage in pipeline.stages)
    return replace(pipeline, stages=stages)


def _digest(value: object) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()
