"""Metrics, verifiers and aggregators: from samples to one output, from an output to a score in [0, 1]."""

from __future__ import annotations

import importlib
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

from parcae.allocation.pipeline import Item
from parcae.core.errors import CallerMistake
from parcae.sampling.vote import vote

Metric = Callable[[Item, str], float]
PLAUSIBLE = "plausible"  # what the first line of a `repair` stage's output says of a patch that passes all tests
ORDERS = 16  # random subsets over which a smaller number of samples is averaged


def exact(item: Item, output: str) -> float:
    """1 if the output is one of the right ones, whatever its case and the space around it."""
    return float(output.strip().casefold() in {one.strip().casefold() for one in item.gold})


def contains(item: Item, output: str) -> float:
    """1 if a right answer stands in the output."""
    return float(any(one.strip().casefold() in output.casefold() for one in item.gold))


def first_line(item: Item, output: str) -> float:
    """1 if the first line is a right answer."""
    lines = output.strip().splitlines()
    return exact(item, lines[0]) if lines else 0.0


def plausible(item: Item, output: str) -> float:
    """1 if a `repair` stage's patch makes the failing test pass and breaks no other."""
    return float(output.partition("\n")[0] == PLAUSIBLE)


def token_f1(item: Item, output: str) -> float:
    """The best F1 over words against a right answer."""
    said = Counter(output.casefold().split())

    def f1(gold: str) -> float:
        right = Counter(gold.casefold().split())
        both = sum((said & right).values())
        return 2 * both / (sum(said.values()) + sum(right.values())) if both else 0.0

    return max((f1(one) for one in item.gold), default=0.0)


METRICS: dict[str, Metric] = {
    "exact": exact,
    "contains": contains,
    "first_line": first_line,
    "f1": token_f1,
    "plausible": plausible,
}


def find_metric(name: str) -> Metric:
    """A metric by name, or a Python function MODULE:NAME of (item, output).

    Raises:
        CallerMistake: there is none.
    """
    if name in METRICS:
        return METRICS[name]
    found = find_function(name, "metric")
    return lambda item, output: found(item, output)  # type: ignore[return-value]  # `scored` checks what it gives


def find_function(name: str, what: str) -> Callable[..., object]:
    """The Python function MODULE:NAME.

    Raises:
        CallerMistake: it cannot be imported.
    """
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise CallerMistake(
            f"the {what} {name!r} cannot be imported: {error}",
            f"use {', '.join(METRICS)}" if what == "metric" else "write MODULE:NAME of a function on Python's path",
        ) from None
    if not callable(function):
        raise CallerMistake(f"the {what} {name!r} is no function", "write MODULE:NAME of a function")
    return function  # type: ignore[no-any-return]  # callable was checked


def scored(metric: Metric, name: str, item: Item, output: str) -> float:
    """The score, checked.

    Raises:
        CallerMistake: the metric raised, or gave what is no number in [0, 1].
    """
    try:
        value = metric(item, output)
        number = float(value)
    except Exception as error:  # a user's function: whatever it raises is told to the user
        raise CallerMistake(
            f"the metric {name!r} failed on item {item.id!r}: {type(error).__name__}: {error}", "mend the metric"
        ) from error
    if math.isnan(number) or not 0 <= number <= 1:
        raise CallerMistake(
            f"the metric {name!r} gave {value!r} on item {item.id!r}", "let it give a number from 0 to 1"
        )
    return number


def aggregated(how: str, samples: Sequence[str], score: Callable[[str], float] | None = None) -> str:
    """One output of several samples. "fusion" is a call of its own and not made here."""
    if how == "best" and score is not None:
        return max(samples, key=score)
    if how == "majority":
        counts = Counter(sample.strip() for sample in samples if sample.strip())
        return counts.most_common(1)[0][0] if counts else ""
    if how == "vote":
        answer = vote([tuple(sample.splitlines()) for sample in samples])
        return "\n".join(candidate.name for candidate in answer.candidates)
    return samples[0]


def subsets(drawn: int, wanted: int, rng: random.Random) -> list[tuple[int, ...]]:
    """Random subsets of `wanted` of the `drawn` samples; the whole set once if they are as many.

    Averaging over them estimates the score of `wanted` samples without bias.
    """
    if wanted >= drawn:
        return [tuple(range(drawn))]
    if wanted == 1:
        return [(place,) for place in range(drawn)]
    return [tuple(sorted(rng.sample(range(drawn), wanted))) for _ in range(ORDERS)]
