"""What may be chosen: a model and a number of samples for each stage. Knows nothing of scores, costs or calls.

A configuration is one number: the place of its choices in the mixed-radix order of (model, samples) over the stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from parcae.core.errors import CallerMistake

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What one stage runs on."""

    model: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpace:
    """What one stage may run on. `samples` ascends. `parameters`: each model's size; None where nobody knows it."""

    name: str
    models: tuple[str, ...]
    samples: tuple[int, ...] = (1,)
    parameters: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        if not self.models:
            raise CallerMistake(f"stage {self.name!r} has no models", "name at least one under `models`")
        if not self.samples or list(self.samples) != sorted(set(self.samples)) or self.samples[0] < 1:
            raise CallerMistake(
                f"stage {self.name!r}: samples {list(self.samples)} do not ascend from 1 or more",
                "write for example samples = [1, 2, 4, 8]",
            )

    @property
    def size(self) -> int:
        """How many choices there are."""
        return len(self.models) * len(self.samples)


@dataclass(frozen=True, kw_only=True)
class Space:
    """All configurations of a pipeline's stages."""

    stages: tuple[StageSpace, ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Choices of each stage; the configurations are this array in C order."""
        return tuple(stage.size for stage in self.stages)

    @cached_property
    def size(self) -> int:
        """How many configurations there are."""
        return prod(self.shape)

    @cached_property
    def _radix(self) -> tuple[Indices, Indices, Indices]:
        """Of each stage the weight of a choice, the number of choices and of sample counts, each of shape (stages, 1).

        Searches ask for digits thousands of times; plain arithmetic is several times faster than `unravel_index`.
        """
        sizes = np.array(self.shape, dtype=np.int64)
        weights = np.append(np.cumprod(sizes[:0:-1])[::-1], 1).astype(np.int64)
        widths = np.array([len(stage.samples) for stage in self.stages], dtype=np.int64)
        return weights[:, None], sizes[:, None], widths[:, None]

    def choices(self, configuration: int) -> tuple[Choice, ...]:
        """The configuration as one Choice a stage."""
        places = np.unravel_index(configuration, self.shape)
        return tuple(
            Choice(
                model=stage.models[int(place) // len(stage.samples)],
                samples=stage.samples[int(place) % len(stage.samples)],
            )
            for stage, place in zip(self.stages, places, strict=True)
        )

    def number(self, choices: Sequence[Choice]) -> int:
        """The configuration's number.

        Raises:
            ValueError: a model or a number of samples is not in the space.
        """
        places = [
            stage.models.index(choice.model) * len(stage.samples) + stage.samples.index(choice.samples)
            for stage, choice in zip(self.stages, choices, strict=True)
        ]
        return int(np.ravel_multi_index(places, self.shape))

    def digits(self, configurations: Indices) -> tuple[Indices, Indices]:
        """Model and sample indices of many configurations, each of shape (stages, len(configurations))."""
        weights, sizes, widths = self._radix
        places = configurations // weights % sizes
        models = places // widths
        return models, places - models * widths

    def compose(self, models: Indices, samples: Indices) -> Indices:
        """The numbers of the configurations whose digits these are; the inverse of `digits`."""
        weights, _, widths = self._radix
        return np.asarray(((models * widths + samples) * weights).sum(axis=0), dtype=np.int64)

    def describe(self, configuration: int) -> str:
        """One line for people, such as "retrieve: gpt-4o x4, answer: qwen x16"."""
        pairs = zip(self.stages, self.choices(configuration), strict=True)
        return ", ".join(f"{stage.name}: {choice.model} x{choice.samples}" for stage, choice in pairs)
